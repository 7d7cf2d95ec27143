"""How well a model predicts a text, and how far another one has moved from it.

Teacher forcing: all read the same words, and at each of them their odds of the next one are
compared. Greedy answers would not do, for small models' likeliest words are often tied. What is
measured, and on which tokens, is what llama.cpp's tools/perplexity measures: of each chunk of 512
tokens the second half, so that every scored token has at least 256 before it.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from ingest.compute import compute
from ingest.errors import LecternError
from workers.engine.chunks import CHUNK, chunked, reader
from workers.engine.context import Context, Row
from workers.engine.model import Model

TOKENS = 256
TEXT = """\
The annual report of the water company states that supply was interrupted twice. In March a main
of cast iron, laid in 1931, broke below the market square; 4,200 households were without water for
nine hours. In August a pump failed at the northern works. The board has since approved 3.4 million
for renewals, of which 1.9 million will be spent before the end of the next financial year. Where a
contract ends by notice, the notice must be given in writing and reach the other party at least
three months before the end of a quarter. The supplier may not pass on the costs of an audit unless
the audit finds a deviation of more than two per cent.

Question: How many households were without water, and for how long?
Answer: In March 4,200 households had no water for nine hours, because an old main had broken.

年度報告指出，供水曾經兩次中斷。三月間，市集廣場下方一條一九三一年鋪設的鑄鐵水管破裂，四千二百戶停水九小時。
"""

FIRST = CHUNK // 2  #: the first row of a chunk that is scored
SCORED = CHUNK - FIRST - 1  #: rows of a chunk that are scored: the last one has no next token
KEPT = np.dtype(np.float16)  #: the reference's log odds; moves a mean divergence by about 1e-6


class NotComparable(LecternError):
    """{name} can't be compared with {reference}: they cut a text into different tokens."""

    code = "not_comparable"


class TextTooShort(LecternError):
    """The text has fewer than {least} tokens; give a longer one."""

    code = "text_too_short"


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over tokens, and its standard error as if each token were drawn by itself."""

    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads a text, beside the model it was made from."""

    tokens: int  #: that were scored
    loss: Figure  #: nats per token; its exponential is the perplexity
    rise: Figure  #: of the loss over the reference's, token by token
    divergence: Figure  #: Kullback-Leibler, from the reference to this, nats per token
    tail: float  #: the divergence that one token in a hundred exceeds
    agreement: Figure  #: share of tokens at which both find the same one likeliest


class Reference:
    """What a model expects at every scored token of a text; a context manager."""

    def __init__(
        self,
        path: Path,
        text: str,
        most: int | None,
        folder: Path,
        told: Callable[[int, int], None],
    ) -> None:
        """Read the text, at most `most` chunks of 512 tokens; `told` hears how many are done.

        The odds go to a nameless file in `folder`: two bytes for each word of the vocabulary and
        scored token. Raises ModelMissing, ModelUnusable or TextTooShort.
        """
        self._path, self._text, self._most = path, text, most
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `__exit__`
        losses = []
        with closing(Model(path)) as model:
            self._chunks = chunked(model, text, most)
            for odds, next_tokens in _read(model, self._chunks, told):
                odds.astype(KEPT).tofile(self._file)
                losses.append(-odds[np.arange(SCORED), next_tokens])
        if not losses:
            raise TextTooShort(least=CHUNK)
        self._losses = np.concatenate(losses)

    def __enter__(self) -> "Reference":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def loss(self) -> Figure:
        """Of the reference itself, nats per token."""
        return figure(self._losses)

    @property
    def tokens(self) -> int:
        """How many are scored."""
        return len(self._losses)

    def compare(self, path: Path, told: Callable[[int, int], None]) -> Reading:
        """Have another model read the same. Raises NotComparable, ModelMissing, ModelUnusable."""
        losses, divergences, same = [], [], []
        self._file.seek(0)
        with closing(Model(path)) as model:
            if chunked(model, self._text, self._most) != self._chunks:
                raise NotComparable(name=path.name, reference=self._path.name)
            for odds, next_tokens in _read(model, self._chunks, told):
                expected = self._expected(model.vocab_size)
                losses.append(-odds[np.arange(SCORED), next_tokens])
                divergences.append(_divergences(expected, odds))
                same.append(expected.argmax(axis=1) == odds.argmax(axis=1))
        found, moved = np.concatenate(losses), np.concatenate(divergences)
        return Reading(
            tokens=len(found),
            loss=figure(found),
            rise=figure(found - self._losses),
            divergence=figure(moved),
            tail=float(np.quantile(moved, 0.99)),
            agreement=figure(np.concatenate(same)),
        )

    def _expected(self, vocabulary: int) -> Any:
        """The next chunk's odds, brought to a sum of one again after the rounding."""
        kept = np.fromfile(self._file, KEPT, SCORED * vocabulary).reshape(SCORED, vocabulary)
        return _log_odds(kept.astype(np.float32))


def divergence(source: Path, other: Path) -> float:
    """Mean KL divergence of `other` from `source` on a short text, nats per token. Takes seconds.

    Raises ModelMissing or ModelUnusable.
    """
    return float(_divergences(_short(source), _short(other)).mean())


def figure(values: Any) -> Figure:
    """The mean of one number for each token."""
    count = len(values)
    error = float(np.std(values, ddof=1)) / count**0.5 if count > 1 else 0.0
    return Figure(float(np.mean(values, dtype=np.float64)), error)


def _short(path: Path) -> Any:
    with closing(Model(path)) as model:
        tokens = model.tokens(TEXT)[:TOKENS]
        with reader(model, len(tokens)) as context:
            return _odds(context, tokens, range(len(tokens)), model.vocab_size)


def _read(
    model: Model, chunks: Sequence[Sequence[int]], told: Callable[[int, int], None]
) -> Iterator[tuple[Any, Any]]:
    """Of each chunk the log odds, scored rows × vocabulary, and the tokens that came next."""
    rows = range(FIRST, FIRST + SCORED)
    with reader(model) as context:
        for number, chunk in enumerate(chunks, start=1):
            yield _odds(context, chunk, rows, model.vocab_size), np.array(chunk[FIRST + 1 :])
            told(number, len(chunks))


def _odds(context: Context, tokens: Sequence[int], rows: range, vocabulary: int) -> Any:
    context.trim(0, 0)
    with compute.turn():
        context.decode([Row(token, at, 0, at in rows) for at, token in enumerate(tokens)])
    return _log_odds(np.stack([_logits(context, row, vocabulary) for row in rows]))


def _logits(context: Context, row: int, vocabulary: int) -> Any:
    first = llama.llama_get_logits_ith(context.handle, row)
    return np.ctypeslib.as_array(first, (vocabulary,))


def _log_odds(rows: Any) -> Any:
    """Natural logarithms of odds that sum to one, in place: float32, rows × vocabulary."""
    rows -= rows.max(axis=1, keepdims=True)
    rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True, dtype=np.float64)).astype(np.float32)
    return rows


def _divergences(expected: Any, found: Any) -> Any:
    """Of each row, nats: float64."""
    return (np.exp(expected) * (expected - found)).sum(axis=1, dtype=np.float64)
