"""The steps of an extraction that do its work: one section is asked, one document is merged."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from ingest.database import reading
from ingest.tables import PageRow
from workers import jobs, prompts, steps, usage, writing
from workers.extraction import evidence, merging, verdict, wording
from workers.extraction.answer import read
from workers.extraction.asking import Question, asking
from workers.extraction.evidence import Section
from workers.extraction.merging import Said
from workers.extraction.schema import Field, fields_of
from workers.extraction.shape import shape_of, skeleton, value_tokens
from workers.jobs import Job
from workers.language import Language
from workers.styles import Tongue
from workers.work import Output, Tools, Work

LEAST_ANSWER = 32  #: tokens
LARGEST_ANSWER = 1 / 3  #: of the context


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job asks for."""

    schema: dict[str, Any]
    root: Field
    instruction: str

    @classmethod
    def of(cls, job: Job) -> "Wanted":
        """Out of the job's parameters."""
        schema = job.params["schema"]
        return cls(schema, fields_of(schema), job.params["instruction"])


def answer_tokens(root: Field, language: Language) -> int:
    """Tokens that an answer about the members of `root` may have."""
    names = language.count_tokens(json.dumps(skeleton(root), ensure_ascii=False))
    most = int(LARGEST_ANSWER * language.context_tokens)
    return max(LEAST_ANSWER, min(names + value_tokens(root), most))


def content_key(
    tools: Tools, wanted: Wanted, tongue: Tongue, title: str, parts: Sequence[str]
) -> str:
    """What an extracted section depends on."""
    held = [
        tools.language.fingerprint,
        tools.embedder.fingerprint,
        evidence.VERSION,
        prompts.version(wording.WORDINGS[tongue].prompt),
        wanted.schema,
        wanted.instruction,
        title,
        list(parts),
    ]
    return hashlib.sha256(json.dumps(held, ensure_ascii=False).encode()).hexdigest()


def extract_section(work: Work) -> Output:
    """One section → findings for every field; paid for once per text, model and schema."""
    given, wanted = work.step.input, Wanted.of(work.job)
    document_id, version_id = work.job.params["versions"][given["document"]]
    parts = _part_texts(version_id, given["parts"])
    tongue = Tongue(given["language"])
    key = content_key(work.tools, wanted, tongue, given["title"], parts)
    kept = steps.checkpoint(key)
    data = {**(kept or _extracted(work, wanted, parts)), "reused": kept is not None}
    said = [Said(data["found"], given["parts"])]
    fields = merging.merged(wanted.root, said, work.tools.language.small)["fields"]
    work.tell(
        "partial",
        {
            "level": 0,
            "document_id": document_id,
            "ordinal": work.step.ordinal,
            "title": given["title"],
            "pages": given["pages"],
            "values": merging.values_of(fields),
            "reused": data["reused"],
        },
    )
    return Output(data, key, document_id)


def _part_texts(version_id: str, parts: Sequence[Sequence[int]]) -> list[str]:
    numbers = {part[0] for part in parts}
    with reading() as session:
        query = select(PageRow.number, PageRow.text).where(
            PageRow.version_id == version_id, PageRow.number.in_(numbers)
        )
        pages = dict(session.execute(query).all())
    return [pages[page][start:end] for page, start, end in parts]


def _extracted(work: Work, wanted: Wanted, parts: Sequence[str]) -> dict[str, Any]:
    """What the model takes out of the section, each value looked up in its text."""
    section = Section(parts, work.tools.embedder)
    asked = asking(wanted.root, parts, section, work.tools.language.small)
    values: dict[str, Any] = dict.fromkeys(wanted.root.members) | asked.known
    costs, took = [], 0
    for question in asked.questions:
        written = _written(work, wanted, question)
        values |= read(written.text, question.root, written.complete)
        costs.append(written.usage())
        took += written.total_ms
    work.check()
    return {
        "found": section.found(values, wanted.root, ""),
        "usage": usage.total(costs),
        "ms": took,
    }


def _written(work: Work, wanted: Wanted, question: Question) -> writing.Written:
    given, language = work.step.input, work.tools.language
    tongue = Tongue(given["language"])
    document_id = work.job.params["versions"][given["document"]][0]
    limits = replace(
        work.limits(answer_tokens(question.root, language), frozenset({document_id})),
        shape=shape_of(question.root),
    )
    asked = wording.asked(question.root, wanted.instruction, tongue)
    filled = wording.given(asked, given["title"], question.text)
    return writing.write(work, wording.WORDINGS[tongue].prompt, filled, limits)


def merge(work: Work) -> Output:
    """What all sections of one document say → its values, with evidence and a verdict."""
    number, wanted = work.step.input["document"], Wanted.of(work.job)
    planned = jobs.steps_of(work.job.id)
    outlined = next(step.output for step in planned if step.kind == "outline") or {}
    sections = [
        step for step in planned if step.kind == "section" and step.input["document"] == number
    ]
    said = [
        Said(step.output["found"], step.input["parts"])
        for step in sorted(sections, key=lambda step: step.ordinal)
        if step.output
    ]
    fields = merging.merged(wanted.root, said, outlined["small"])["fields"]
    values = merging.values_of(fields)
    errors = verdict.errors(wanted.schema, wanted.root, values)
    document = outlined["documents"][number]
    result = {
        "document_id": document["document_id"],
        "version_id": document["version_id"],
        "name": document["name"],
        "values": values,
        "fields": fields,
        "missing": list(verdict.missing(wanted.root, values)),
        "valid": not errors,
        "errors": errors,
        "coverage": document["coverage"],
    }
    work.tell("partial", {"level": 1, **result})
    return Output(result, document_id=document["document_id"])
