"""How a summary and an answer are printed for people."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from service.cli.client import Record
from service.cli.screen import Screen, plain

#: What was missing, where words alone had to do.
WORDS_ALONE = {
    "embedder_missing": "the collection's embedder is not here any more; lectern kb reindex helps"
}


def pages(first: int, last: int) -> str:
    """`p. 3` or `pp. 3–7`."""
    return f"p. {first}" if first == last else f"pp. {first}–{last}"


def duration(seconds: float) -> str:
    """`8 s`, `4 min` or `2 h 5 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def print_estimate(screen: Screen, what: str, estimate: Record) -> None:
    """What a job would take."""
    screen.line(f"{what} takes about {duration(estimate['p50'])}", "bold")
    kept = f", {estimate['kept']} of them known from before" if estimate["kept"] else ""
    screen.line(f"  nine times in ten at most {duration(estimate['p90'])}")
    screen.line(
        f"  {estimate['steps']} steps{kept}; {estimate['prompt_tokens']:,} tokens to read, at most"
        f" {estimate['written_tokens']:,} to write"
    )
    if estimate["wait"] >= 1:
        screen.line(f"  {duration(estimate['wait'])} of it for other jobs", "dim")


def print_section(screen: Screen, section: Record) -> None:
    """One line for a section summary that has just come in."""
    first, last = section["pages"]
    title = section.get("title") or ""
    again = "  (kept from before)" if section.get("reused") else ""
    screen.note(f"  ✓ {pages(first, last)}  {title}{again}", "dim")


def print_summary(screen: Screen, name: str, summary: Record, took_s: float) -> None:
    """The summary, then what of the document it rests on and how long we waited for it."""
    screen.line(f"Summary of {name}", "bold")
    screen.block(summary["summary"], 2)
    screen.line(f"  {coverage(summary)} · {took_s:.1f} s", "dim")
    screen.line(f"  {proof(summary)}{saved(summary)}", "dim")


def coverage(summary: Record) -> str:
    """Which pages were read, and how much of the text."""
    of = summary["coverage"]
    read = ", ".join(pages(*span) for span in of["pages_read"]) or "no page"
    said = [f"read {read} of {of['pages_total']}"]
    if total := of["characters_total"] - of.get("characters_running", 0):
        said.append(f"{of['characters_read'] / total:.0%} of the text")
    if of["pages_empty"]:
        said.append(f"without text: {', '.join(map(str, of['pages_empty']))}")
    if of.get("pages_ocr"):
        said.append(f"by OCR: {', '.join(map(str, of['pages_ocr']))}")
    return " · ".join(said)


def proof(summary: Record) -> str:
    """How many of its sentences the document carries, and how surely."""
    count = Counter(sentence["support"] for sentence in summary["sentences"])
    said = [f"{count['verified']} verified in the text"]
    if count["similar"]:
        said.append(f"{count['similar']} similar to it")
    if count["unsupported"]:
        said.append(f"{count['unsupported']} not found there")
    return f"sentences: {', '.join(said)}"


def saved(summary: Record) -> str:
    """What was known from before, and what that would have taken."""
    of = summary["saved"]
    took = duration(of["model_ms"] / 1000)
    return f" · {of['steps']} steps known from before, {took} saved" if of["steps"] else ""


def print_citations(screen: Screen, citations: Sequence[Record]) -> None:
    """Each citation: where it stands, the quoted words, and whether they were found there."""
    for citation in citations:
        mark, style = ("✓", "green") if citation["verified"] else ("✗", "yellow")
        checked = "verified" if citation["verified"] else "not verified"
        place = f"[{citation['id']}] {citation['document_name']}, p. {citation['page']}"
        screen.line(f"  {mark} {place}  {checked}", style)
        quote = " ".join(plain(citation["quote"]).split())
        screen.block(f"“{quote}”", 6, "italic")


def answer_remarks(answer: Record) -> str:
    """What was searched and how long the answer took."""
    searched = answer.get("searched") or {}
    said = []
    if searched:
        said.append(
            f"searched {searched.get('documents', 0)} documents, "
            f"{searched.get('passages', 0)} passages"
        )
    if searched.get("degraded"):
        why = WORDS_ALONE.get(searched.get("lacking") or "", "the vector index can't be reached")
        said.append(f"by words alone: {why}")
    timings: dict[str, Any] = answer.get("timings") or {}
    if first := seconds(timings, "first_token_ms"):
        said.append(f"first token after {first}")
    if total := seconds(timings, "total_ms"):
        said.append(f"answer after {total}")
    return " · ".join(said)


def seconds(timings: Record | None, name: str) -> str:
    """`12.3 s`, or nothing when it was not measured."""
    took = (timings or {}).get(name)
    return "" if took is None else f"{took / 1000:.1f} s"
