"""Summarising a whole document: outline → every section → merges, level by level → the summary.

A document that the model can read at once takes one pass. Every level is kept: the summary is the
top of a tree whose leaves cover the document.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from workers import estimates
from workers.jobs import Job, Step
from workers.kinds import condensing
from workers.kinds.outlining import merges_expected, outline
from workers.kinds.tree import tree
from workers.states import StepStatus
from workers.styles import Style
from workers.work import Kind, NewStep, Plan, Progress

LEVEL_STRIDE = 100_000  #: ordinals of merge steps: level × stride + place


@dataclass(frozen=True, slots=True)
class Stage:
    """How far the summary of one document is, and the steps that may begin now."""

    done: int
    total: int
    name: str
    steps: tuple[NewStep, ...] = ()
    top: Step | None = None  #: the step that holds the summary, once there is one


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """Sections first; then merges of what fits one prompt; then the summary of what is left."""
    outlined = next(step.output for step in done if step.kind == "outline")
    if outlined is None:
        return Plan(Progress(0, 1, "outline"))
    stage = staged(outlined, [step for step in done if step.kind != "outline"])
    progress = Progress(stage.done, stage.total, stage.name)
    if stage.top is None:
        return Plan(progress, steps=stage.steps)
    return Plan(progress, result=tree([outlined], done, stage.top))


def staged(outlined: dict[str, Any], worked: Sequence[Step], begin: int = 0) -> Stage:
    """What has become of one document, and what comes next.

    `worked` are its steps; `begin` is added to the ordinals of new ones.
    """
    finished = [step for step in worked if step.status is StepStatus.DONE]
    parts = len(outlined["sections"])
    merged = sum(step.kind != "section" for step in worked)
    total = parts + max(merged, merges_expected(parts, outlined)) if parts > 1 else 1
    if not worked:
        first = tuple(_first_steps(outlined, begin))
        return Stage(0, total, "sections", first)
    level = max(step.input["level"] for step in worked)
    current = [step for step in worked if step.input["level"] == level]
    current.sort(key=lambda step: step.ordinal)
    name = "merging" if level else "sections"
    if any(step.status is not StepStatus.DONE for step in current):
        return Stage(len(finished), total, name)
    if current[0].kind in ("whole", "final"):
        return Stage(len(finished), len(finished), "done", top=current[0])
    following = tuple(_following(outlined, worked, current, begin))
    return Stage(len(finished), total, name, following)


def _first_steps(outlined: dict[str, Any], begin: int) -> Iterator[NewStep]:
    sections, form = outlined["sections"], outlined["form"]
    # Minutes are made of lines that every section is asked for.
    at_once = len(sections) == 1 and form["style"] != Style.MINUTES
    for ordinal, section in enumerate(sections):
        given = {
            **_of(outlined, 0),
            "title": section["title"],
            "pages": [section["first_page"], section["last_page"]],
            "parts": section["parts"],
            "version_id": outlined["version_id"],
        }
        yield NewStep("whole" if at_once else "section", begin + ordinal, given)


def _following(
    outlined: dict[str, Any], worked: Sequence[Step], current: list[Step], begin: int
) -> Iterator[NewStep]:
    """Merges of neighbours; when they all fit one prompt, the summary itself."""
    groups = list(fitting(current, outlined["merge_tokens"]))
    level = current[0].input["level"] + 1
    for place, group in enumerate(groups):
        given = {
            **_of(outlined, level),
            "title": group[0].input["title"] if len(groups) > 1 else outlined["name"],
            "pages": [group[0].input["pages"][0], group[-1].input["pages"][1]],
            "children": [step.id for step in group],
        }
        if len(groups) > 1:
            yield NewStep("merge", begin + level * LEVEL_STRIDE + place, given)
        else:
            yield NewStep("final", begin, {**given, "leaves": _leaves(outlined, worked)})


def _leaves(outlined: dict[str, Any], worked: Sequence[Step]) -> list[str]:
    """The sections whose lines the summary must hold, whatever the merges left out of them."""
    if outlined["form"]["style"] != Style.MINUTES:
        return []
    sections = [step for step in worked if step.kind == "section"]
    return [step.id for step in sorted(sections, key=lambda step: step.ordinal)]


def _of(outlined: dict[str, Any], level: int) -> dict[str, Any]:
    return {
        "documents": [outlined["document_id"]],
        "language": outlined["language"],
        "form": outlined["form"],
        "answer": outlined["answer"],
        "level": level,
    }


def fitting(current: Sequence[Step], budget: int) -> Iterator[Sequence[Step]]:
    """Neighbours in groups of even size that fit one prompt; at least two in the first."""
    longest = max((step.output or {}).get("tokens", 1) + 2 for step in current)
    groups = ceil(len(current) / max(2, budget // longest))
    size, larger = divmod(len(current), groups)
    begin = 0
    for place in range(groups):
        end = begin + size + (place < larger)
        yield current[begin:end]
        begin = end


SUMMARY = Kind(
    runners={
        "outline": outline,
        "section": condensing.section,
        "whole": condensing.whole,
        "merge": condensing.merge,
        "final": condensing.final,
    },
    plan=plan,
    settle=estimates.settle,
)
