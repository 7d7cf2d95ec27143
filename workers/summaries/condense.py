"""Asking the model for a summary of some text, bringing it to its form, and proving it.

Paid for once per text, model and prompt, whatever job asks: the output is kept under a content
key. So it speaks of places in its sources, which are the same wherever these stand.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from langchain_core.prompts import ChatPromptTemplate

from workers import prompts, steps, support, usage, writing
from workers.citations import sentence_spans
from workers.language import Language
from workers.meaning import WORDS_ONLY, Meaning
from workers.styles import Style, Tongue
from workers.summaries import central, faithful, lengths, minutes
from workers.summaries.minutes import Item
from workers.summaries.shorten import shortened
from workers.summaries.wording import WORDINGS
from workers.traditional import traditional
from workers.work import Work
from workers.writing import Written

SHORTEST_ANSWER = 64  #: tokens
SPARE_TOKENS = 16
BULLET = "- "


@dataclass(frozen=True, slots=True)
class Task:
    """What the model is to write, from what, and what its text has to be like."""

    prompt: ChatPromptTemplate
    given: Mapping[str, Any]  #: to the prompt
    asked: str  #: the variable of `given` that says what to write
    text: str  #: what it is a summary of
    sources: tuple[str, ...]  #: what has to carry its sentences
    max_tokens: int
    length: int  #: words, or characters of Chinese
    tongue: Tongue
    style: Style
    last: bool = False  #: what the reader gets: of the length and in the form that was asked for
    focus: str = ""  #: what the reader wants to know
    items: tuple[Item, ...] = ()  #: of minutes: what must not be lost

    def key(self, language: Language) -> str:
        """The content key of its output."""
        parts: list[Any] = [
            language.fingerprint,
            prompts.version(self.prompt),
            sorted(self.given.items()),
            [self.max_tokens, self.length, self.last, self.style if self.last else ""],
            [support.VERSION, minutes.lines(self.items, self.tongue)],
        ]
        if language.small:
            parts.append([faithful.VERSION, central.VERSION, minutes.VERSION, self.focus])
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def condensed(work: Work, task: Task) -> tuple[dict[str, Any], str]:
    """The summary with its proof, and its content key. Raises what `writing.write` does."""
    key = task.key(work.tools.language)
    kept = steps.checkpoint(key)
    if kept is not None:
        return {**kept, "reused": True}, key
    return {**_made(work, task), "reused": False}, key


def answer_tokens(language: Language, length: int, sample: str) -> int:
    """Tokens that a text of `length` may take, by what the model's tokens are in `sample`."""
    each = language.count_tokens(sample) / max(1, lengths.length_of(sample))
    return max(SHORTEST_ANSWER, math.ceil((1 + lengths.TOLERANCE) * length * each) + SPARE_TOKENS)


def _made(work: Work, task: Task) -> dict[str, Any]:
    tries, meaning = [_written(work, task, task.given)], Meaning(work.tools.embedder)
    if work.tools.language.small:
        text = _believed(tries[0].text, task, meaning)
    else:
        tries += _again(work, task, tries[0])
        text = _fitted(tries, task)
    if task.tongue is Tongue.CHINESE:
        text = traditional(text)
    if task.last and task.style is Style.MINUTES:
        text = minutes.minutes(text, task.items, task.tongue)
    return {
        "text": text,
        "tokens": work.tools.language.count_tokens(text),
        "length": lengths.length_of(text),
        "sentences": [asdict(one) for one in support.supported(text, task.sources, meaning)],
        "thought": "\n\n".join(one.thought for one in tries if one.thought),
        "usage": usage.total(one.usage() for one in tries),
        "ms": sum(one.total_ms for one in tries),
    }


def _written(work: Work, task: Task, given: Mapping[str, Any]) -> Written:
    limits = work.limits(task.max_tokens, sources=frozenset(work.step.input["documents"]))
    return writing.write(work, task.prompt, dict(given), limits)


def _believed(written: str, task: Task, meaning: Meaning) -> str:
    """What a small model wrote, as far as it is so, and filled up to its length."""
    text = faithful.faithful(written, task.text, task.length, meaning, task.focus)
    if task.style is Style.BULLETS and task.last:
        return "\n".join(BULLET + text[start:end] for start, end in sentence_spans(text))
    if task.style is Style.MINUTES and not task.last:
        points = minutes.items(text)
        return minutes.lines([*points, *minutes.cued(task.text)], task.tongue)
    return text


def _again(work: Work, task: Task, first: Written) -> list[Written]:
    """Another try when the length that was asked for is missed; the prompt is in the engine."""
    if (
        not task.last
        or not first.text
        or abs(lengths.off(first.text, task.length)) <= lengths.TOLERANCE
    ):
        return []
    remark = WORDINGS[task.tongue].again.format(
        has=lengths.length_of(first.text), length=task.length
    )
    return [_written(work, task, {**task.given, task.asked: task.given[task.asked] + remark})]


def _fitted(tries: list[Written], task: Task) -> str:
    """The try that is nearest to the length, without what is too much of it.

    A model that thought until it had no room left to write is helped out by the text itself.
    """
    written = [one.text for one in tries if one.text]
    if not written:
        return faithful.faithful("", task.text, task.length, WORDS_ONLY, task.focus)
    if not task.last:
        return written[0]
    best = min(written, key=lambda text: abs(lengths.off(text, task.length)))
    if lengths.off(best, task.length) > lengths.TOLERANCE:
        best = shortened(best, task.length)
    return best
