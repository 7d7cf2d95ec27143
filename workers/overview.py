"""The overview of a comparison: what a model is shown, how its words are checked, what stands in.

The model sees only statements that were found to differ, never whole texts. A sentence of it stands
when the statements of one difference carry it, with every figure, negation and duty in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers import prompts
from workers.citations import Sentence, carrier, without_markers
from workers.comparing.words import Sort, words_of
from workers.sentences import sentence_spans
from workers.styles import Tongue
from workers.tokens import tokens_of

LONGEST = 800  #: characters of a difference that a model is shown
WEIGHTIEST = 5  #: differences that are named when no model's words stand
#: Words that tell texts apart, which no text need hold.
CONTRAST = tokens_of(
    "first second document documents version both agree differ differs difference changed changes "
    "now instead while whereas only rather previously "
    "文件 版本 前者 後者 改為 變更 差異 不同 相同 一致 分別 原為 僅有"
)
CHECKED = (Sort.FIGURE, Sort.DUTY)


@dataclass(frozen=True, slots=True)
class Entry:
    """A difference, or what one text alone says, as it is shown to a model."""

    sides: tuple[str, ...]  #: what each text says, after its name
    citations: tuple[int, ...]
    subject: str = ""

    @property
    def text(self) -> str:
        """As a model sees it."""
        return "\n".join([f"[{self.subject}]"] * bool(self.subject) + [*self.sides])


def entries(found: Mapping[str, Any], names: Mapping[str, str]) -> list[Entry]:
    """What there is to tell, the weightiest first; `names` by version."""
    weighed = [(one["weight"], _difference(one, names)) for one in found["differs"]]
    for side in found["only"]:
        name = names[side["version_id"]]
        weighed += [(one["weight"], _alone(one, name)) for one in side["statements"]]
    return [entry for _, entry in sorted(weighed, key=lambda each: -each[0])]


def fitting(
    told: Sequence[Entry], count_tokens: Callable[[str], int], budget: int
) -> Iterator[Entry]:
    """The first entries that fit so many tokens."""
    left = budget
    for entry in told:
        left -= count_tokens(entry.text) + 2
        if left < 0:
            return
        yield entry


def counted(found: Mapping[str, Any], names: Mapping[str, str], tongue: Tongue) -> str:
    """The overview that needs no model: how much of each, and the weightiest changes."""
    counts = found["counts"]
    alone = ", ".join(f"{name} {n}" for name, n in zip(names.values(), counts["only"], strict=True))
    given = {"agrees": counts["agrees"], "differs": counts["differs"], "only": alone}
    lines = [prompts.PROMPTS[tongue].counted.format(**given)]
    ranked = sorted(found["differs"], key=lambda one: -one["weight"])[:WEIGHTIEST]
    lines += [f"{one['subject']}: {_changed(one)}" for one in ranked if one["changed"]]
    return "\n".join(lines)


def checked(text: str, told: Sequence[Entry], plain: str) -> list[Sentence]:
    """The sentences of an overview, each with what carries it; `plain` carries the counts."""
    places = [(entry, (*tokens_of(entry.text), *CONTRAST)) for entry in told]
    places.append((Entry((plain,), ()), (*tokens_of(plain), *CONTRAST)))
    body = without_markers(text)
    return [_sentence(body[start:end], places) for start, end in sentence_spans(body)]


def _sentence(text: str, places: Sequence[tuple[Entry, tuple[str, ...]]]) -> Sentence:
    entry = carrier(text, [place for place in places if _may_say(place[0], text)])
    return Sentence(text, entry is not None, entry.citations if entry else ())


def _may_say(entry: Entry, text: str) -> bool:
    """Whether it holds every figure and duty of a sentence, and denies what the sentence denies."""
    if not _forms(text, *CHECKED) <= _forms(entry.text, *CHECKED):
        return False
    denied = [_forms(side, Sort.NEGATION) for side in (*entry.sides, entry.text)]
    return _forms(text, Sort.NEGATION) in denied


def _forms(text: str, *sorts: Sort) -> set[str]:
    return {word.form for word in words_of(text) if word.sort in sorts}


def _difference(one: Mapping[str, Any], names: Mapping[str, str]) -> Entry:
    length = LONGEST // len(one["sides"])
    sides = [f"{names[side['version_id']]}: {side['text'][:length]}" for side in one["sides"]]
    cited = [number for side in one["sides"] for number in side["citations"]]
    return Entry(tuple(sides), tuple(cited), one["subject"])


def _alone(one: Mapping[str, Any], name: str) -> Entry:
    return Entry((f"{name}: {one['text'][:LONGEST]}",), tuple(one["citations"]))


def _changed(one: Mapping[str, Any]) -> str:
    told = []
    for before, after in one["changed"]:
        if before and after:
            told.append(f"{before} → {after}")
        else:
            told.append(f"+ {after}" if after else f"− {before}")
    return "; ".join(told)
