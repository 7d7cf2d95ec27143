"""Minutes: what was decided and what is to be done, kept apart from everything else that was said.

A decision must not get lost because a summary had no room for it: all of them are listed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.styles import Tongue
from workers.summaries.central import quotable
from workers.summaries.spoken import Speech
from workers.tokens import tokens_of

#: Changes with the cues below: part of the content keys of what they have chosen.
VERSION = 2
MOST = 6  #: of each kind that are taken from one section by its cues


class ItemKind(StrEnum):
    """What a line of minutes is."""

    DECISION = "decision"
    ACTION = "action"
    POINT = "point"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of minutes."""

    kind: ItemKind
    text: str


LABELS: Mapping[Tongue, Mapping[ItemKind, str]] = {
    Tongue.ENGLISH: {
        ItemKind.DECISION: "Decision: ",
        ItemKind.ACTION: "Action: ",
        ItemKind.POINT: "Point: ",
    },
    Tongue.CHINESE: {
        ItemKind.DECISION: "決議：",
        ItemKind.ACTION: "待辦：",
        ItemKind.POINT: "重點：",
    },
}
HEADINGS: Mapping[Tongue, Mapping[ItemKind, tuple[str, str]]] = {
    Tongue.ENGLISH: {
        ItemKind.DECISION: ("Decisions:", "No decision was found."),
        ItemKind.ACTION: ("Actions:", "No action was found."),
    },
    Tongue.CHINESE: {
        ItemKind.DECISION: ("決議：", "未找到決議。"),
        ItemKind.ACTION: ("待辦事項：", "未找到待辦事項。"),
    },
}
_LINE = re.compile(
    r"^\W*(?:(?P<decision>decisions?|決議|決定)|(?P<action>actions?(?: items?)?|待辦(?:事項)?)"
    r"|(?P<point>points?|重點))\W*[:：]\W*(?P<text>.+)$",
    re.IGNORECASE,
)
#: Words that a sentence has in which something is decided, or somebody is to do something.
_CUES: Mapping[ItemKind, re.Pattern[str]] = {
    ItemKind.DECISION: re.compile(
        r"\b(?:decided|agreed|resolved|approved|adopted|concluded|settled on)\b"
        r"|決議|議決|決定|通過|同意|核准|裁示",
        re.IGNORECASE,
    ),
    ItemKind.ACTION: re.compile(
        r"\b(?:will (?!be\b)|(?:needs?|has|have|ought) to |should |is to |are to |action item"
        r"|follow up|by (?:monday|tuesday|wednesday|thursday|friday|next week|the end of))"
        r"|請.{1,20}(?:提供|辦理|完成|確認|提出|處理)|負責|應於|須於|前完成|前提出",
        re.IGNORECASE,
    ),
}


def items(text: str) -> list[Item]:
    """The lines of what a model wrote about a section; what has no mark is a point."""
    return [_item(line) for line in text.splitlines() if line.strip()]


def cued(source: str) -> Iterator[Item]:
    """Decisions and actions that a text has by its words, for a model too small to find them."""
    spans, speech = quotable(source), Speech.of(source)
    for kind, cue in _CUES.items():
        found = [span for span in spans if cue.search(source, *span)]
        for start, end in sorted(found[:MOST]):
            yield Item(kind, speech.quoted(start, end))


def lines(found: Iterable[Item], tongue: Tongue) -> str:
    """Items as they are written down for a section."""
    return "\n".join(f"- {LABELS[tongue][item.kind]}{item.text}" for item in found)


def plain(text: str) -> str:
    """Written-down items without their marks."""
    return "\n".join(_item(line).text for line in text.splitlines() if line.strip())


def minutes(overview: str, found: Sequence[Item], tongue: Tongue) -> str:
    """What was it about, then every decision and every action, each once."""
    blocks = [overview]
    for kind, (heading, nothing) in HEADINGS[tongue].items():
        listed = list(_once(item.text for item in found if item.kind is kind))
        blocks.append(
            "\n".join([heading, *(f"- {text}" for text in listed)]) if listed else nothing
        )
    return "\n\n".join(blocks)


def _item(line: str) -> Item:
    match = _LINE.match(line)
    if match is None:
        return Item(ItemKind.POINT, line.strip().lstrip("-*•– ").strip())
    kind = next(kind for kind in ItemKind if match[kind])
    return Item(kind, match["text"].strip())


def _once(texts: Iterable[str]) -> Iterator[str]:
    seen: set[tuple[str, ...]] = set()
    for text in texts:
        if (tokens := tokens_of(text)) not in seen:
            seen.add(tokens)
            yield text
