"""Comparing documents or versions: survey → align every pair → gather → overview.

What agrees and differs is found in the texts' own words (`workers/comparing`); a model only writes
the overview of it.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import reading
from ingest.tables import DocumentRow, PageRow, VersionRow
from workers import estimates, prompts, steps, usage
from workers.comparing.source import fingerprint
from workers.errors import DocumentNotReady
from workers.estimates import Expected
from workers.jobs import Job, Step
from workers.kinds.aligning import align_pair, content_key
from workers.kinds.gathering import OVERVIEW_ANSWER, OVERVIEW_TOKENS, gather, write_overview
from workers.states import StepStatus
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

#: What a pair takes, and a million characters of its sides, and of all in the lists, about
#: (docs/decisions/0028).
PAIR_SECONDS, MILLION_SECONDS, LISTED_SECONDS = 8.0, 6.0, 4.0


def survey(work: Work) -> Output:
    """What is compared with what, and how long that will take."""
    surveyed = _surveyed(work.job)
    expected, beside = _expected(work, surveyed)
    speed = work.tools.language.speed()
    with work.write() as session:
        made = estimates.made(session, work.job, expected, speed, beside)
        estimates.keep(session, work.job.id, made)
    return Output(surveyed)


def estimate(work: Work) -> Output:
    """What a comparison would take if it were asked for now."""
    expected, beside = _expected(work, _surveyed(work.job))
    speed = work.tools.language.speed()
    with reading() as session:
        return Output(estimates.made(session, work.job, expected, speed, beside).public())


def _surveyed(job: Job) -> dict[str, Any]:
    with reading() as session:
        documents = [_document(session, *ids) for ids in job.params["versions"]]
        first = select(PageRow.text).where(PageRow.version_id == documents[0]["version_id"])
        tongue = prompts.tongue_of(session.scalars(first.order_by(PageRow.number)))
    pairs = [list(pair) for pair in combinations(range(len(documents)), 2)]
    language = job.params.get("language") or tongue
    return {"documents": documents, "pairs": pairs, "language": language}


def _document(session: Session, document_id: str, version_id: str) -> dict[str, Any]:
    document = session.get(DocumentRow, document_id)
    version = session.get(VersionRow, version_id)
    if document is None or version is None:
        raise DocumentNotReady(status="deleted")
    return {
        "document_id": document.id,
        "version_id": version.id,
        "name": document.name,
        "version": version.number,
        "pages": version.page_count,
        "characters": version.character_count or 0,
    }


def _expected(work: Work, surveyed: dict[str, Any]) -> tuple[Expected, float]:
    """The overview's tokens, and the seconds that the length of the texts takes."""
    documents, keys = surveyed["documents"], _keys(work, surveyed)
    kept = steps.kept(keys.values())
    left = [pair for pair, key in keys.items() if key not in kept]
    tokens = (0, 0) if work.tools.language.small else (OVERVIEW_TOKENS, OVERVIEW_ANSWER)
    aligned = sum(documents[place]["characters"] for pair in left for place in pair)
    listed = sum(one["characters"] for one in documents)
    seconds = PAIR_SECONDS * len(left)
    seconds += (MILLION_SECONDS * aligned + LISTED_SECONDS * listed) / 1e6
    return Expected(len(keys) + 2, len(keys) - len(left), *tokens), seconds


def _keys(work: Work, surveyed: dict[str, Any]) -> dict[tuple[int, int], str]:
    """What the alignment of each pair is kept under, by the pair."""
    texts = [fingerprint(one["version_id"]) for one in surveyed["documents"]]
    embedder = work.tools.embedder.fingerprint
    return {
        (mine, theirs): content_key(texts[mine], texts[theirs], embedder)
        for mine, theirs in surveyed["pairs"]
    }


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """Every pair, then the lists, then the overview."""
    surveyed = next(step.output for step in done if step.kind == "survey")
    if surveyed is None:
        return Plan(Progress(0, 1, "reading"))
    total = len(surveyed["pairs"]) + 2
    finished = sum(step.status is StepStatus.DONE for step in done) - 1
    aligns = [step for step in done if step.kind == "align"]
    if not aligns:
        planned = [NewStep("align", n, {"pair": p}) for n, p in enumerate(surveyed["pairs"])]
        return Plan(Progress(0, total, "aligning"), steps=tuple(planned))
    if any(step.output is None for step in aligns):
        return Plan(Progress(finished, total, "aligning"))
    given = {name: surveyed[name] for name in ("documents", "language")}
    for kind, stage in (("gather", "gathering"), ("overview", "writing")):
        step = next((step for step in done if step.kind == kind), None)
        if step is None or step.output is None:
            wanted = (NewStep(kind, 0, given),) if step is None else ()
            return Plan(Progress(finished, total, stage), steps=wanted)
    return Plan(Progress(total, total, "done"), result=_result(surveyed, done))


def _result(surveyed: dict[str, Any], done: Sequence[Step]) -> dict[str, Any]:
    outputs = {step.kind: step.output for step in done if step.output}
    found, written = outputs["gather"], outputs["overview"]
    aligned = [step.output for step in done if step.kind == "align" and step.output]
    lists = ("counts", "agrees", "differs", "only", "citations", "coverage")
    return {
        **surveyed,
        **{name: found[name] for name in lists},
        "overview": written["overview"],
        "overview_mode": written["mode"],
        "overview_sentences": written["sentences"],
        "overview_draft": written["draft"],
        "usage": usage.total([written["usage"]]),
        "steps_reused": sum(output["reused"] for output in aligned),
        "timings": {
            "align_ms": sum(output["ms"] for output in aligned),
            "gather_ms": found["ms"],
            "model_ms": written["ms"],
        },
    }


COMPARISON = Kind(
    runners={
        "survey": survey,
        "align": align_pair,
        "gather": gather,
        "overview": write_overview,
    },
    plan=plan,
    settle=estimates.settle,
)
