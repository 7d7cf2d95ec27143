"""Extraction: outline → every section of every document → merge each document → the result.

The sections cover every chunk, and every field is looked for in each: nothing is left out because
it did not look promising.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from ingest.database import reading
from ingest.errors import EmptyDocument
from workers import estimates, prompts, steps, usage
from workers.errors import SchemaTooLong
from workers.estimates import Expected
from workers.extraction import wording
from workers.extraction.asking import asked_of
from workers.extraction.schema import Field
from workers.jobs import Job, Step
from workers.kinds.extracting import Wanted, answer_tokens, content_key, extract_section, merge
from workers.kinds.outlining import (
    PROMPT_OVERHEAD,
    PROMPT_TOKENS,
    SECTION_TOKENS,
    SMALL_SECTION_TOKENS,
    Read,
    read_version,
)
from workers.outline import Section, coverage, sections
from workers.states import StepStatus
from workers.styles import Tongue
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

SHORTEST_SECTION = 200  #: what a schema must leave room for
POINTED_TOKENS = 200  #: of the sentences that a small model is shown for a field, about


def outline(work: Work) -> Output:
    """Cut the documents into sections that fit the model, and say what they will take."""
    outlined, expected = _outlined(work)
    with work.write() as session:
        estimate = estimates.made(session, work.job, expected, work.tools.language.speed())
        estimates.keep(session, work.job.id, estimate)
    return Output(outlined)


def estimate(work: Work) -> Output:
    """What an extraction would take if it were asked for now."""
    _, expected = _outlined(work)
    with reading() as session:
        made = estimates.made(session, work.job, expected, work.tools.language.speed())
    return Output(made.public())


def _outlined(work: Work) -> tuple[dict[str, Any], Expected]:
    wanted, language = Wanted.of(work.job), work.tools.language
    asked = language.count_tokens(wording.asked(wanted.root, wanted.instruction, Tongue.ENGLISH))
    answer = answer_tokens(wanted.root, language)
    room = language.context_tokens - answer - PROMPT_OVERHEAD - asked
    if room < SHORTEST_SECTION:
        raise SchemaTooLong(tokens=asked + answer)
    budget = min(SMALL_SECTION_TOKENS if language.small else SECTION_TOKENS, room)
    documents, keys = [], list[str]()
    for document_id, version_id in work.job.params["versions"]:
        work.check()
        read = read_version(version_id)
        cut = sections(read.chunks, read.pages, language.count_tokens, budget, read.name)
        documents.append(_document(document_id, version_id, read, cut))
        keys += _keys(work, wanted, documents[-1], read.pages)
    if not keys:
        raise EmptyDocument
    outlined = {"documents": documents, "small": language.small}
    return outlined, _expected(work, wanted.root, asked, outlined, keys)


def _document(document_id: str, version_id: str, read: Read, cut: list[Section]) -> dict[str, Any]:
    return {
        "document_id": document_id,
        "version_id": version_id,
        "name": read.name,
        "language": prompts.tongue_of(read.pages.values()),
        "sections": [asdict(section) for section in cut],
        "coverage": coverage(read.chunks, read.pages, read.version),
    }


def _keys(
    work: Work, wanted: Wanted, document: dict[str, Any], texts: dict[int, str]
) -> Iterator[str]:
    for section in document["sections"]:
        parts = [texts[page][start:end] for page, start, end in section["parts"]]
        tongue, title = document["language"], section["title"]
        yield content_key(work.tools, wanted, tongue, title, parts)


def _expected(
    work: Work, root: Field, asked: int, outlined: dict[str, Any], keys: Sequence[str]
) -> Expected:
    """What is left to be paid for; a merge costs nothing but its step."""
    language, kept = work.tools.language, steps.kept(keys)
    cut = [one for document in outlined["documents"] for one in document["sections"]]
    left = [one for one, key in zip(cut, keys, strict=True) if key not in kept]
    members = asked_of(root, outlined["small"])
    answer = answer_tokens(replace(root, members=members), language) if members else 0
    texts = [one["tokens"] + asked + PROMPT_TOKENS for one in left]
    if outlined["small"]:  # which is asked for each field alone
        texts = [len(members) * min(POINTED_TOKENS + PROMPT_TOKENS, text) for text in texts]
    return Expected(
        steps=len(cut) + len(outlined["documents"]),
        kept=len(cut) - len(left),
        prompt_tokens=sum(texts),
        written_tokens=len(left) * answer,
    )


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """Every section at once; a document is merged when its last one is there."""
    outlined = next(step.output for step in done if step.kind == "outline")
    if outlined is None:
        return Plan(Progress(0, 1, "outline"))
    documents = outlined["documents"]
    worked = [step for step in done if step.kind != "outline"]
    finished = [step for step in worked if step.status is StepStatus.DONE]
    total = sum(len(document["sections"]) for document in documents) + len(documents)
    merges = [step for step in finished if step.kind == "merge"]
    if len(merges) == len(documents):
        return Plan(Progress(total, total, "done"), result=_result(merges, finished))
    following = tuple(_following(documents, worked))
    return Plan(Progress(len(finished), total, "sections"), steps=following)


def _following(documents: Sequence[dict[str, Any]], worked: Sequence[Step]) -> Iterator[NewStep]:
    """All sections, if there are no steps yet; merges of documents whose sections are done."""
    asked = [step for step in worked if step.kind == "section"]
    waiting = {step.input["document"] for step in asked if step.status is not StepStatus.DONE}
    if not asked:
        new = list(_section_steps(documents))
        waiting = {step.input["document"] for step in new}
        yield from new
    merging = {step.ordinal for step in worked if step.kind == "merge"}
    for number in range(len(documents)):
        if number not in waiting | merging:
            yield NewStep("merge", number, {"document": number})


def _section_steps(documents: Sequence[dict[str, Any]]) -> Iterator[NewStep]:
    ordinal = 0
    for number, document in enumerate(documents):
        for section in document["sections"]:
            given = {
                "document": number,
                "title": section["title"],
                "pages": [section["first_page"], section["last_page"]],
                "parts": section["parts"],
                "language": document["language"],
            }
            yield NewStep("section", ordinal, given)
            ordinal += 1


def _result(merges: Sequence[Step], finished: Sequence[Step]) -> dict[str, Any]:
    outputs = [step.output for step in finished if step.kind == "section" and step.output]
    paid = [output for output in outputs if not output["reused"]]
    return {
        "documents": [step.output for step in sorted(merges, key=lambda step: step.ordinal)],
        "usage": usage.total(output["usage"] for output in paid),
        "steps_reused": len(outputs) - len(paid),
        "timings": {"model_ms": sum(output["ms"] for output in paid)},
    }


EXTRACT = Kind(
    runners={"outline": outline, "section": extract_section, "merge": merge},
    plan=plan,
    settle=estimates.settle,
)
