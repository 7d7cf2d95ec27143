"""A digest of many documents: each one's summary, as its part, and one text about all of them.

The documents are summarised as single ones are, side by side, and what is known of them from their
own summaries costs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from workers import estimates
from workers.estimates import Expected
from workers.jobs import Job, Step
from workers.kinds import condensing
from workers.kinds.outlining import outlined_with_cost, resolved
from workers.kinds.summary import LEVEL_STRIDE, fitting, staged
from workers.kinds.tree import tree
from workers.states import StepStatus
from workers.styles import Form, Style, Tongue
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

DOCUMENT_STRIDE = 10_000_000  #: ordinals of the steps of one document


def outline(work: Work) -> Output:
    """Cut all documents into sections, and say what they will take together."""
    outlines, costs = [], []
    form = Form.of(work.job.params["form"])
    for document_id, version_id in work.job.params["versions"]:
        work.check()
        outlined, cost = outlined_with_cost(work, document_id, version_id, _part(form))
        outlines.append(outlined)
        costs.append(cost)
    together = Expected(
        steps=sum(cost.steps for cost in costs) + 1,
        kept=sum(cost.kept for cost in costs),
        prompt_tokens=sum(cost.prompt_tokens for cost in costs),
        written_tokens=sum(cost.written_tokens for cost in costs),
    )
    with work.write() as session:
        made = estimates.made(session, work.job, together, work.tools.language.speed())
        estimates.keep(session, work.job.id, made)
    form = resolved(form, Tongue(outlines[0]["form"]["language"]), work.tools.language)
    return Output({"outlines": outlines, "form": asdict(form)})


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """Every document's summary; then merges of them; then the digest."""
    outlined = next(step.output for step in done if step.kind == "outline")
    if outlined is None:
        return Plan(Progress(0, 1, "outline"))
    outlines = outlined["outlines"]
    stages = [
        staged(each, _of_document(done, each["document_id"]), number * DOCUMENT_STRIDE)
        for number, each in enumerate(outlines)
    ]
    above = [step for step in done if len(step.input.get("documents", ())) > 1]
    finished = sum(stage.done for stage in stages)
    total = sum(stage.total for stage in stages) + max(1, len(above))
    tops = [stage.top for stage in stages if stage.top is not None]
    if len(tops) < len(stages):
        steps = tuple(step for stage in stages for step in stage.steps)
        return Plan(Progress(finished, total, "documents"), steps=steps)
    finished += sum(step.status is StepStatus.DONE for step in above)
    progress = Progress(finished, total, "merging")
    return _merging(outlined, done, tops, above, progress)


def _merging(
    outlined: dict[str, Any],
    done: Sequence[Step],
    tops: Sequence[Step],
    above: Sequence[Step],
    progress: Progress,
) -> Plan:
    level = max((step.input["level"] for step in above), default=0)
    current = [step for step in above if step.input["level"] == level] or list(tops)
    current.sort(key=lambda step: step.ordinal)
    if any(step.status is not StepStatus.DONE for step in current):
        return Plan(progress)
    if current[0].kind == "digest":
        complete = Progress(progress.total, progress.total, "done")
        return Plan(complete, result=_result(outlined["outlines"], done, tops, current[0]))
    return Plan(progress, steps=tuple(_following(outlined, current)))


def _following(outlined: dict[str, Any], current: Sequence[Step]) -> Iterator[NewStep]:
    """Merges of neighbours; when they all fit one prompt, the digest itself."""
    groups = list(fitting(current, outlined["outlines"][0]["merge_tokens"]))
    names = {each["document_id"]: each["name"] for each in outlined["outlines"]}
    level = max(step.input["level"] for step in current) + 1
    for place, group in enumerate(groups):
        last = len(groups) == 1
        given = {
            "documents": [one for step in group for one in step.input["documents"]],
            "language": outlined["form"]["language"],
            "form": outlined["form"],
            "answer": outlined["outlines"][0]["answer"],
            "level": level,
            "title": "",
            "pages": [],
            "children": [step.id for step in group],
            "names": [_name(step, names) for step in group],
            "leaves": [],
        }
        yield NewStep("digest" if last else "merge", -level * LEVEL_STRIDE - place, given)


def _result(
    outlines: Sequence[dict[str, Any]], done: Sequence[Step], tops: Sequence[Step], top: Step
) -> dict[str, Any]:
    parts = [
        {
            "document_id": outlined["document_id"],
            "name": outlined["name"],
            "node": part.id,
            "summary": (part.output or {})["text"],
            "coverage": outlined["coverage"],
        }
        for outlined, part in zip(outlines, tops, strict=True)
    ]
    return {**tree(outlines, done, top), "documents": parts}


def _of_document(steps: Sequence[Step], document_id: str) -> list[Step]:
    return [step for step in steps if step.input.get("documents") == [document_id]]


def _name(step: Step, names: Mapping[str, str]) -> str:
    """What stands above a text in the prompt: the document it is about, if it is one."""
    documents = step.input["documents"]
    return names[documents[0]] if len(documents) == 1 else ""


def _part(form: Form) -> Form:
    """How the part about one document is wanted, in its own language."""
    style = Style.CUSTOM if form.style is Style.CUSTOM else Style.BRIEF
    return replace(form, style=style, length=None, language=None)


DIGEST = Kind(
    runners={
        "outline": outline,
        "section": condensing.section,
        "whole": condensing.whole,
        "merge": condensing.merge,
        "final": condensing.final,
        "digest": condensing.final,
    },
    plan=plan,
    settle=estimates.settle,
)
