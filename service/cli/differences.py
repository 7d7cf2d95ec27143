"""How a comparison is printed for people: red is what stood, green what stands instead."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from service.cli.client import Record
from service.cli.screen import Screen, plain

COLOURS = ("red", "green", "cyan", "magenta", "yellow", "blue")
AGREEMENTS = 5  #: shown; how many there are is said


def print_pair(screen: Screen, pair: Record) -> None:
    """One line for two documents that have just been aligned."""
    counts = pair["counts"]
    first, second = (number + 1 for number in pair["pair"])
    again = "  (kept from before)" if pair.get("reused") else ""
    screen.note(
        f"  ✓ {first} and {second}: {counts['same']} the same, {counts['similar']} alike, "
        f"{counts['alone'][0]} and {counts['alone'][1]} alone{again}",
        "dim",
    )


def print_comparison(screen: Screen, comparison: Record, took_s: float) -> None:
    """The overview, the differences, what stands in one document alone, and what agrees."""
    names, counts = _names(comparison["documents"]), comparison["counts"]
    pages = {one["id"]: one["page"] for one in comparison["citations"]}
    screen.line(" · ".join(names.values()), "bold")
    screen.block(comparison["overview"], 2)
    _heading(screen, "Differs", len(comparison["differs"]), counts["differs"])
    for one in comparison["differs"]:
        _print_difference(screen, one, names, pages)
    for place, side in enumerate(comparison["only"]):
        name, style = names[side["version_id"]], COLOURS[place % len(COLOURS)]
        _heading(screen, f"Only in {name}", len(side["statements"]), counts["only"][place])
        for one in side["statements"]:
            screen.block(_cited(one, pages), 2, style)
    shown = comparison["agrees"][:AGREEMENTS]
    _heading(screen, "Agrees", len(shown), counts["agrees"])
    for one in shown:
        screen.block(_cited(one, pages), 2, "dim")
    screen.line(f"  {took_s:.1f} s", "dim")


def _names(documents: Sequence[Record]) -> dict[str, str]:
    """What each version is called, by its id; equal names are told apart by their versions."""
    names = [one["name"] for one in documents]
    return {
        one["version_id"]: f"{one['name']} v{one['version']}"
        if names.count(one["name"]) > 1
        else one["name"]
        for one in documents
    }


def _heading(screen: Screen, title: str, shown: int, count: int) -> None:
    if count:
        of = f"{shown} of {count}, the weightiest" if shown < count else str(count)
        screen.line(f"\n{title} ({of})", "bold")


def _print_difference(
    screen: Screen, one: Record, names: Mapping[str, str], pages: Mapping[int, int]
) -> None:
    screen.line(f"  {one['subject']}", "bold")
    places = list(names)
    for side in one["sides"]:
        place = places.index(side["version_id"])
        style = COLOURS[place % len(COLOURS)]
        screen.paragraph(_marked(f"{place + 1} ", _cited(side, pages), _own(one, side), style), 4)


def _own(one: Record, side: Record) -> list[str]:
    """The words of a side that differ from another's."""
    if side["changed"]:
        return [after for _, after in side["changed"] if after]
    return [before for before, _ in one["changed"] if before]


def _marked(lead: str, text: str, words: Sequence[str], style: str) -> Text:
    """The text with what has changed set off from the rest."""
    marked = Text(lead + plain(text), style=style)
    for word in words:
        at = marked.plain.find(plain(word), len(lead))
        if at >= 0:
            marked.stylize("bold underline", at, at + len(plain(word)))
    return marked


def _cited(one: Record, pages: Mapping[int, int]) -> str:
    found = sorted({pages[number] for number in one["citations"]})
    return f"{one['text']}  (p. {', '.join(map(str, found))})"
