"""`python -m benchmarks.quality`: what joining passages from kept KV does to what the model says.

For each item four passages and a question. The model answers greedily after a full prefill; the
same tokens are then forced behind joined passages and the two distributions compared at each of
them: Kullback-Leibler divergence, agreement of the likeliest token, and whether the answer would
begin alike. Behind them what the model says without any passage: the scale.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from benchmarks import models
from benchmarks.corpus import Corpus
from workers.engine import compose, library
from workers.engine.context import Context, Row, Shape
from workers.engine.model import Model
from workers.engine.template import ChatTemplate, Message, Prompt

FORCED = 32
FRESH = (0, 4, 8, 16, 32)  #: tokens of a passage that are computed anew
PASSAGES, PASSAGE_CHARACTERS = 4, 1_000
SYSTEM = Message("system", "You answer questions from documents, in their own words.")


@dataclass(frozen=True, slots=True)
class Item:
    """Passages and a question about them."""

    passages: tuple[str, ...]
    question: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two ways to read the same passages are, over the forced tokens of one item."""

    divergence: float  #: mean KL from exact to this, in nats
    agreement: float  #: share of tokens with the same likeliest one
    first_divergence: float
    alike: int  #: forced tokens before the first other choice


class Reader:
    """One context; sequence 0 answers, sequence 1 reads passages alone."""

    def __init__(self, path: Path, flash_attention: bool) -> None:
        """Load the model. Raises NotJoinable for one whose keys can't be moved."""
        self._model = Model(path)
        rope = compose.rope_of(self._model)
        if rope is None:
            raise compose.NotJoinable
        self._rope, self._template = rope, ChatTemplate(self._model)
        shape = Shape(2, 4_096, 512, 512, 2, 2, flash_attention, outputs=2 * FORCED)
        self._context = Context(self._model, shape)

    def compare(self, item: Item) -> dict[str, Likeness]:
        """Every number of fresh tokens, and no passages, against the full prefill."""
        prompt = self._prompt(item.passages, item.question)
        alone = [self._alone(passage) for passage in item.passages]
        self._feed(0, prompt.tokens[:-1], 0)
        said, exact = self._greedy(prompt.tokens)
        found = {}
        for fresh in FRESH:
            self._join(prompt, alone, fresh)
            found[f"{fresh} fresh"] = _likeness(exact, self._forced(prompt.tokens, said), said)
        bare = self._prompt((), item.question)
        self._feed(0, bare.tokens[:-1], 0)
        found["no passages"] = _likeness(exact, self._forced(bare.tokens, said), said)
        return found

    def _prompt(self, passages: tuple[str, ...], question: str) -> Prompt:
        return self._template.prompt([SYSTEM, Message("user", question, passages)])

    def _alone(self, passage: str) -> Any:
        """The state of the system message and one passage."""
        prompt = self._prompt((passage,), "")
        self._feed(1, prompt.tokens[: prompt.prefixes[-1]], 0)
        return self._context.save(1)

    def _join(self, prompt: Prompt, alone: Sequence[Any], fresh: int) -> None:
        head = prompt.prefixes[0]
        self._context.load(0, alone[0])
        for (begin, end), state in zip(prompt.passages, alone[1:], strict=True):
            self._feed(0, prompt.tokens[begin : begin + fresh], begin)
            if begin + fresh < end:
                joined = compose.join(self._context.save(0), [state], head + fresh, self._rope)
                self._context.load(0, joined)
        last = prompt.passages[-1][1]
        self._feed(0, prompt.tokens[last:-1], last)

    def _feed(self, sequence: int, tokens: Sequence[int], begin: int) -> None:
        """Compute tokens from position `begin` on; what stood there is forgotten."""
        self._context.trim(sequence, begin)
        for first in range(0, len(tokens), 512):
            part = tokens[first : first + 512]
            self._context.decode(
                [
                    Row(token, begin + first + place, sequence, False)
                    for place, token in enumerate(part)
                ]
            )

    def _greedy(self, prompt: Sequence[int]) -> tuple[list[int], Any]:
        """What the model says next, and the logits it was chosen from."""
        said, rows, token = list[int](), [], prompt[-1]
        for place in range(FORCED):
            self._context.decode([Row(token, len(prompt) - 1 + place, 0, True)])
            rows.append(self._logits(0))
            token = int(rows[-1].argmax())
            said.append(token)
        return said, np.stack(rows)

    def _forced(self, prompt: Sequence[int], said: Sequence[int]) -> Any:
        begin = len(prompt) - 1
        self._context.trim(0, begin)
        tokens = [prompt[-1], *said[:-1]]
        self._context.decode([Row(each, begin + n, 0, True) for n, each in enumerate(tokens)])
        return np.stack([self._logits(row) for row in range(len(tokens))])

    def _logits(self, row: int) -> Any:
        raw = llama.llama_get_logits_ith(self._context.handle, row)
        return np.ctypeslib.as_array(raw, shape=(self._model.vocab_size,)).copy()


def _likeness(exact: Any, other: Any, said: Sequence[int]) -> Likeness:
    left, right = _log_softmax(exact), _log_softmax(other)
    divergence = (np.exp(left) * (left - right)).sum(axis=1)
    same = left.argmax(axis=1) == right.argmax(axis=1)
    wrong = np.flatnonzero(~same)
    return Likeness(
        float(divergence.mean()),
        float(same.mean()),
        float(divergence[0]),
        int(wrong[0]) if wrong.size else len(said),
    )


def _log_softmax(logits: Any) -> Any:
    moved = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))


def meetings(path: Path) -> Iterator[Item]:
    """QMSum's questions, with passages of their meeting around the relevant place."""
    for line in path.read_text().splitlines():
        meeting = json.loads(line)
        turns = [f"{one['speaker']}: {one['content']}" for one in meeting["meeting_transcripts"]]
        for asked in meeting["specific_query_list"][:2]:
            first = int(asked["relevant_text_span"][0][0])
            text = "\n".join(turns[max(0, first - 2) :])
            cuts = range(0, (PASSAGES + 1) * PASSAGE_CHARACTERS, PASSAGE_CHARACTERS)
            parts = [text[begin:end] + "\n" for begin, end in pairwise(cuts)]
            if all(len(part) > PASSAGE_CHARACTERS // 2 for part in parts):
                yield Item(tuple(parts), f"\nQuestion: {asked['query']}")


def made() -> Iterator[Item]:
    """Made passages, for machines without the data."""
    corpus = Corpus("quality")
    for number in range(1_000):
        parts = tuple(corpus.text(250) + "\n" for _ in range(PASSAGES))
        yield Item(parts, f"\nQuestion: {corpus.question(number)}")


def main() -> int:
    """Print a line for each way to read."""
    asked = ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    asked.add_argument("--data", type=Path, help="QMSum's file of meetings, line by line")
    asked.add_argument("--model", type=Path, help="GGUF file; the default model without")
    asked.add_argument("--items", type=int, default=40)
    arguments = asked.parse_args()
    library.quiet()
    reader = Reader(arguments.model or models.lectern(), flash_attention=False)
    items = meetings(arguments.data) if arguments.data else made()
    seen: dict[str, list[Likeness]] = {}
    for _, item in zip(range(arguments.items), items, strict=False):
        for name, likeness in reader.compare(item).items():
            seen.setdefault(name, []).append(likeness)
    print(f"{'':12}  KL mean  median  first token  same likeliest  tokens alike, median")
    for name, found in seen.items():
        mean_kl = [one.divergence for one in found]
        print(
            f"{name:12}  {mean(mean_kl):7.3f}  {median(mean_kl):6.3f}"
            f"  {mean(one.first_divergence for one in found):11.3f}"
            f"  {mean(one.agreement for one in found):14.1%}"
            f"  {median(one.alike for one in found):.0f} of {FORCED} (n={len(found)})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
