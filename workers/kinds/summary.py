"""Summarising a whole document: outline → map every section → reduce, level by level.

Never a sample: the sections cover every chunk of the document, and the result says so.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from ingest.database import reading
from ingest.errors import EmptyDocument
from ingest.tables import ChunkRow, DocumentRow, PageRow, VersionRow
from workers import estimates, faithful, jobs, prompts, steps, usage, writing
from workers.errors import DocumentNotReady
from workers.estimates import Expected
from workers.jobs import Job, Step
from workers.language import Language
from workers.outline import coverage, text_of
from workers.outline import sections as cut
from workers.states import StepStatus
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

SECTION_TOKENS = 1_600  #: of text; small models lose the thread in longer ones
SECTION_ANSWER = 160
MERGE_ANSWER = 320
PROMPT_OVERHEAD = 256  #: tokens kept for the template and the instruction
PROMPT_TOKENS = 128  #: that they really take, about
LEVEL_STRIDE = 100_000  #: ordinals of merge steps: level × stride + place
SENTENCES = {"section": 3, "merge": 8}  #: what a small model's summary is filled up to


def outline(work: Work) -> Output:
    """Cut the document into sections that fit the model, and say what they will take."""
    outlined, expected = _outlined(work)
    with work.write() as session:
        estimate = estimates.made(session, work.job, expected, work.tools.language.speed())
        estimates.keep(session, work.job.id, estimate)
    return Output(outlined)


def estimate(work: Work) -> Output:
    """What a summary would take if it were asked for now."""
    _, expected = _outlined(work)
    with reading() as session:
        estimate = estimates.made(session, work.job, expected, work.tools.language.speed())
    return Output(estimate.public())


def _outlined(work: Work) -> tuple[dict[str, Any], Expected]:
    _, version_id = work.job.params["versions"][0]
    with reading() as session:
        version = session.get(VersionRow, version_id)
        if version is None:
            raise DocumentNotReady(status="deleted")
        document = session.get_one(DocumentRow, version.document_id)
        query = select(ChunkRow).where(ChunkRow.version_id == version_id)
        chunks = list(session.scalars(query.order_by(ChunkRow.ordinal)))
        pages = select(PageRow.number, PageRow.text).where(PageRow.version_id == version_id)
        texts = dict(session.execute(pages).all())
    if not chunks:
        raise EmptyDocument
    language = work.tools.language
    budget = min(SECTION_TOKENS, language.context_tokens - SECTION_ANSWER - PROMPT_OVERHEAD)
    sections = cut(chunks, texts, language.count_tokens, budget, document.name)
    tongue = prompts.tongue_of(texts.values())
    empty = [int(number) for number in version.empty_pages.split(",") if number]
    outlined = {
        "sections": [asdict(section) for section in sections],
        "language": tongue,
        "merge_tokens": language.context_tokens - MERGE_ANSWER - PROMPT_OVERHEAD,
        "coverage": coverage(chunks, texts, empty),
    }
    given = [{"text": section.text(texts), "title": section.title} for section in sections]
    prompt = prompts.PROMPTS[tongue].section
    keys = [_content_key(language, "section", prompt, each, SECTION_ANSWER) for each in given]
    return outlined, _expected(outlined, steps.kept(keys), keys)


def _expected(outlined: dict[str, Any], kept: set[str], keys: Sequence[str]) -> Expected:
    """What is left to be paid for. That the merges are is found out when they are there."""
    sections = outlined["sections"]
    left = [one for one, key in zip(sections, keys, strict=True) if key not in kept]
    merges = _merges_expected(outlined, [])
    merged = (len(sections) + merges - 1) * SECTION_ANSWER if merges else 0
    return Expected(
        steps=len(sections) + merges,
        kept=len(sections) - len(left),
        prompt_tokens=sum(one["tokens"] + PROMPT_TOKENS for one in left)
        + merged
        + merges * PROMPT_TOKENS,
        written_tokens=len(left) * SECTION_ANSWER + merges * MERGE_ANSWER,
    )


def summarise_section(work: Work) -> Output:
    """One section → its summary; paid for once per text, model and prompt."""
    given = work.step.input
    with reading() as session:
        query = select(PageRow.number, PageRow.text).where(
            PageRow.version_id == work.job.params["versions"][0][1],
            PageRow.number.in_({part[0] for part in given["parts"]}),
        )
        pages = dict(session.execute(query).all())
    text = text_of(given["parts"], pages)
    prompt = prompts.PROMPTS[given["language"]].section
    return _summarise(work, prompt, {"text": text, "title": given["title"]}, SECTION_ANSWER)


def merge(work: Work) -> Output:
    """Several summaries → one."""
    wanted = set(work.step.input["children"])
    children = [
        step.output["text"]
        for step in sorted(jobs.steps_of(work.job.id), key=lambda step: step.ordinal)
        if step.id in wanted and step.output
    ]
    prompt = prompts.PROMPTS[work.step.input["language"]].merge
    return _summarise(work, prompt, {"text": "\n\n".join(children)}, MERGE_ANSWER)


def _summarise(work: Work, prompt: Any, given: dict[str, str], max_tokens: int) -> Output:
    key = _content_key(work.tools.language, work.step.kind, prompt, given, max_tokens)
    kept = steps.checkpoint(key)
    if kept is None:
        fenced = {name: prompts.harmless(text) for name, text in given.items()}
        limits = work.limits(max_tokens, sources=frozenset({str(work.job.document_id)}))
        written = writing.write(work, prompt, fenced, limits)
        text = written.text
        if work.tools.language.small:
            text = faithful.faithful(text, given["text"], SENTENCES[work.step.kind])
        kept = {
            "text": text,
            "tokens": work.tools.language.count_tokens(text),
            "usage": written.usage(),
            "ms": written.total_ms,
        }
        data = {**kept, "reused": False}
    else:
        data = {**kept, "reused": True}
    work.tell("partial", _partial(work.step, data))
    return Output(data, key)


def _content_key(
    language: Language, kind: str, prompt: Any, given: dict[str, str], max_tokens: int
) -> str:
    parts = [language.fingerprint, prompts.version(prompt), sorted(given.items()), max_tokens]
    if language.small:
        parts += [faithful.VERSION, SENTENCES[kind]]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def plan(_job: Job, done: Sequence[Step]) -> Plan:
    """Sections first; then merges of what fits one prompt, until one summary is left."""
    outlined = next(step.output for step in done if step.kind == "outline")
    if outlined is None:
        return Plan(Progress(0, 1, "outline"))
    worked = [step for step in done if step.kind != "outline"]
    finished = [step for step in worked if step.status is StepStatus.DONE]
    total = len(outlined["sections"]) + _merges_expected(outlined, finished)
    if not worked:
        first = Progress(0, total, "sections")
        return Plan(first, steps=tuple(_section_steps(outlined)))
    level = max(_level(step) for step in worked)
    current = sorted(
        (step for step in worked if _level(step) == level), key=lambda step: step.ordinal
    )
    progress = Progress(len(finished), max(total, len(worked)), "merging" if level else "sections")
    if any(step.status is not StepStatus.DONE for step in current):
        return Plan(progress)
    if len(current) == 1:
        complete = Progress(len(finished), len(finished), "done")
        return Plan(complete, result=_result(outlined, current[0], finished))
    return Plan(progress, steps=tuple(_merge_steps(outlined, current, level + 1)))


def _merges_expected(outlined: dict[str, Any], finished: list[Step]) -> int:
    """How many merge steps it will take if every summary has its greatest length."""
    per_merge = max(2, outlined["merge_tokens"] // SECTION_ANSWER)
    left, merges = len(outlined["sections"]), 0
    while left > 1:
        left = -(-left // per_merge)
        merges += left
    return max(merges, sum(step.kind == "merge" for step in finished))


def _section_steps(outlined: dict[str, Any]) -> Iterator[NewStep]:
    for ordinal, section in enumerate(outlined["sections"]):
        pages = [section["first_page"], section["last_page"]]
        yield NewStep(
            "section",
            ordinal,
            {
                "title": section["title"],
                "pages": pages,
                "parts": section["parts"],
                "language": outlined["language"],
            },
        )


def _merge_steps(outlined: dict[str, Any], current: list[Step], level: int) -> Iterator[NewStep]:
    groups = list(_fitting(current, outlined["merge_tokens"]))
    for place, group in enumerate(groups):
        yield NewStep(
            "merge",
            level * LEVEL_STRIDE + place,
            {
                "title": group[0].input["title"],
                "pages": [group[0].input["pages"][0], group[-1].input["pages"][1]],
                "children": [step.id for step in group],
                "language": outlined["language"],
            },
        )


def _fitting(current: list[Step], budget: int) -> Iterator[list[Step]]:
    """Neighbours in groups of even size that fit one prompt; at least two in the first."""
    longest = max((step.output or {}).get("tokens", 1) + 2 for step in current)
    groups = math.ceil(len(current) / max(2, budget // longest))
    size, larger = divmod(len(current), groups)
    begin = 0
    for place in range(groups):
        end = begin + size + (place < larger)
        yield current[begin:end]
        begin = end


def _level(step: Step) -> int:
    return step.ordinal // LEVEL_STRIDE if step.kind == "merge" else 0


def _partial(step: Step, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "level": _level(step),
        "ordinal": step.ordinal % LEVEL_STRIDE,
        "title": step.input["title"],
        "pages": step.input["pages"],
        "text": data["text"],
        "reused": data["reused"],
    }


def _result(outlined: dict[str, Any], last: Step, finished: list[Step]) -> dict[str, Any]:
    outputs = [step.output for step in finished if step.output]
    paid = [output for output in outputs if not output["reused"]]
    assert last.output is not None, "a finished step has an output"
    return {
        "summary": last.output["text"],
        "language": outlined["language"],
        "sections": [
            _partial(step, step.output)
            for step in sorted(finished, key=lambda step: step.ordinal)
            if step.output
        ],
        "coverage": outlined["coverage"],
        "usage": usage.total(output["usage"] for output in paid),
        "steps_reused": len(outputs) - len(paid),
        "timings": {"model_ms": sum(output["ms"] for output in paid)},
    }


def planned_estimate(_job: Job, done: Sequence[Step]) -> Plan:
    """One step is all."""
    found = done[0].output
    return Plan(Progress(1 if found else 0, 1, "estimating"), result=found)


SUMMARY = Kind(
    runners={"outline": outline, "section": summarise_section, "merge": merge},
    plan=plan,
    settle=estimates.settle,
)
ESTIMATE = Kind(runners={"estimate": estimate}, plan=planned_estimate)
