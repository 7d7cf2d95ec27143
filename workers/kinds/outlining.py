"""How a summary begins: the document cut into sections that fit the model, and what they will take.

Never a sample: the sections cover every chunk of the document, and the result says so.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from ingest.database import reading
from ingest.errors import EmptyDocument
from ingest.records import Version
from ingest.sniff import PDF
from ingest.tables import ChunkRow, DocumentRow, PageRow, VersionRow
from workers import estimates, prompts, steps
from workers.errors import DocumentNotReady, LanguageNotPossible
from workers.estimates import Expected
from workers.kinds import condensing
from workers.language import Language
from workers.margins import bodies
from workers.outline import EVERYWHERE, Section, Within, coverage, own, sections
from workers.styles import Form, Tongue
from workers.summaries.condense import answer_tokens
from workers.summaries.lengths import usual
from workers.work import Output, Work

SMALL_SECTION_TOKENS = 1_600  #: of text; small models lose the thread in longer ones
SECTION_TOKENS = 6_000  #: and no model says well what is in more than this
PROMPT_OVERHEAD = 256  #: tokens kept for the template and the instruction
SAMPLE = 4_000  #: characters that show how long the model's tokens are
PROMPT_TOKENS = 128  #: that they really take, about


@dataclass(frozen=True, slots=True)
class Read:
    """A version of a document that has been read."""

    name: str
    pages: dict[int, str]
    chunks: list[ChunkRow]
    version: Version
    within: Within  #: what does not run along its pages


def outline(work: Work) -> Output:
    """Cut the document into sections that fit the model, and say what they will take."""
    outlined, expected = _only_document(work)
    with work.write() as session:
        estimate = estimates.made(session, work.job, expected, work.tools.language.speed())
        estimates.keep(session, work.job.id, estimate)
    return Output(outlined)


def estimate(work: Work) -> Output:
    """What a summary would take if it were asked for now."""
    _, expected = _only_document(work)
    with reading() as session:
        estimate = estimates.made(session, work.job, expected, work.tools.language.speed())
    return Output(estimate.public())


def outlined_with_cost(
    work: Work, document_id: str, version_id: str, form: Form
) -> tuple[dict[str, Any], Expected]:
    """The sections of a version with the form of its summary, and what is left to be paid for.

    Raises DocumentNotReady, EmptyDocument, LanguageNotPossible.
    """
    language, read = work.tools.language, read_version(version_id)
    if not read.chunks:
        raise EmptyDocument
    tongue = prompts.tongue_of(read.pages.values())
    form = resolved(form, tongue, language)
    answer = _last_answer(language, form, read.pages)
    answers = condensing.answers_of(language)
    room = language.context_tokens - PROMPT_OVERHEAD - language.count_tokens(form.instruction)
    room -= max(answer, answers.merge)
    budget = min(SMALL_SECTION_TOKENS if language.small else SECTION_TOKENS, room)
    every = sections(read.chunks, read.pages, language.count_tokens, budget, read.name)
    cut = [section for each in every if (section := own(each, read.within)) is not None]
    outlined = {
        "document_id": document_id,
        "version_id": version_id,
        "name": read.name,
        "sections": [asdict(section) for section in cut],
        "language": tongue,
        "form": asdict(form),
        "section_answer": answers.section,
        "merge_tokens": room,
        "answer": answer,
        "coverage": coverage(read.chunks, read.pages, read.version, read.within),
    }
    return outlined, _expected(outlined, _kept(work, outlined, cut, read))


def read_version(version_id: str) -> Read:
    """Its pages and chunks, which may be none. Raises DocumentNotReady for one that is gone."""
    with reading() as session:
        version = session.get(VersionRow, version_id)
        if version is None:
            raise DocumentNotReady(status="deleted")
        document = session.get_one(DocumentRow, version.document_id)
        query = select(ChunkRow).where(ChunkRow.version_id == version_id)
        chunks = list(session.scalars(query.order_by(ChunkRow.ordinal)))
        pages = select(PageRow.number, PageRow.text).where(PageRow.version_id == version_id)
        texts = dict(session.execute(pages.order_by(PageRow.number)).all())
    within = bodies(texts) if document.media_type == PDF else EVERYWHERE
    if not any(first < last for first, last in within.values()):
        within = EVERYWHERE  # the same form on every page: that is all there is to it
    return Read(document.name, texts, chunks, Version.of(version), within)


def _only_document(work: Work) -> tuple[dict[str, Any], Expected]:
    form = Form.of(work.job.params["form"])
    document_id, version_id = work.job.params["versions"][0]
    return outlined_with_cost(work, document_id, version_id, form)


def resolved(form: Form, tongue: Tongue, language: Language) -> Form:
    """The form with all that was left open. Raises LanguageNotPossible."""
    wanted = form.language or tongue
    if language.small and wanted is not tongue:
        raise LanguageNotPossible(language=tongue)
    return Form(form.style, form.length or usual(form.style, wanted), wanted, form.instruction)


def _last_answer(language: Language, form: Form, pages: dict[int, str]) -> int:
    """Tokens that the summary itself may take: what its length needs, of the context a third."""
    assert form.length is not None, "the form is resolved"
    sample = "".join(pages.values())[:SAMPLE]
    needed = answer_tokens(language, form.length, sample)
    return min(needed, language.context_tokens // 3)


def _kept(work: Work, outlined: dict[str, Any], cut: Sequence[Section], read: Read) -> int:
    """How many of the sections are paid for already. Of merges it is found out when they come."""
    language, form = work.tools.language, Form.of(outlined["form"])
    tongue = Tongue(outlined["language"])
    if len(cut) == 1:
        return 0
    keys = [
        condensing.section_task(
            language, form, tongue, section.title, section.text(read.pages)
        ).key(language)
        for section in cut
    ]
    there = steps.kept(keys)
    return sum(key in there for key in keys)


def _expected(outlined: dict[str, Any], kept: int) -> Expected:
    cut, answer = outlined["sections"], outlined["section_answer"]
    if len(cut) == 1:
        return Expected(1, 0, cut[0]["tokens"] + PROMPT_TOKENS, 2 * answer)
    merges = merges_expected(len(cut), outlined)
    share = 1.0 - kept / len(cut)
    read = sum(section["tokens"] + PROMPT_TOKENS for section in cut)
    return Expected(
        steps=len(cut) + merges,
        kept=kept,
        prompt_tokens=round(share * read)
        + (len(cut) + merges - 1) * answer
        + merges * PROMPT_TOKENS,
        written_tokens=round(share * len(cut)) * answer + merges * 2 * answer,
    )


def merges_expected(parts: int, outlined: dict[str, Any]) -> int:
    """How many merges `parts` summaries take, the last one too, if each is as long as may be."""
    per_merge = max(2, outlined["merge_tokens"] // outlined["section_answer"])
    merges = 1
    while parts > per_merge:
        parts = -(-parts // per_merge)
        merges += parts
    return merges
