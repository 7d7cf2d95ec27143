"""The steps of a summary that ask the model: a section, several summaries, all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ingest.database import reading
from ingest.tables import PageRow
from workers import documents, jobs, prompts
from workers.language import Language
from workers.outline import spans_of, text_of
from workers.styles import Form, Style, Tongue
from workers.summaries import lengths, minutes
from workers.summaries.condense import Task, condensed
from workers.summaries.fitted import fitted
from workers.summaries.wording import WORDINGS
from workers.work import Output, Work

SECTION_WORDS, MERGE_WORDS = 90, 220  #: what a small model's summary is filled up to
Outputs = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answers:
    """How many tokens may be written."""

    section: int
    merge: int


SMALL_ANSWERS, ANSWERS = Answers(96, 240), Answers(320, 640)


def answers_of(language: Language) -> Answers:
    """What the model may write about a section, and about several of them."""
    return SMALL_ANSWERS if language.small else ANSWERS


def section(work: Work) -> Output:
    """One section → its summary."""
    given = work.step.input
    pages, form = _pages(given), Form.of(given["form"])
    text = text_of(given["parts"], pages)
    tongue = Tongue(given["language"])
    task = section_task(work.tools.language, form, tongue, given["title"], text)
    return _output(work, *condensed(work, task), pages=pages)


def whole(work: Work) -> Output:
    """All of a short document → its summary, in one pass.

    The prompt begins as questions about the document do: the engine may have computed it already.
    """
    given = work.step.input
    form, pages = Form.of(given["form"]), _pages(given)
    text = text_of(given["parts"], pages)
    document = documents.text_of(pages[number] for number in sorted(pages))
    task = Task(
        prompt=prompts.PROMPTS[Tongue(given["language"])].talk,
        given={"document": document, "first": _wanted(form), "later": []},
        asked="first",
        sources=(text,),
        **_last(given, form, text),
    )
    return _output(work, *condensed(work, task), pages=pages)


def merge(work: Work) -> Output:
    """Several summaries that are not all → one."""
    given, children = work.step.input, _outputs(work, "children")
    tongue = Tongue(given["language"])
    wording = WORDINGS[tongue]
    answer = answers_of(work.tools.language).merge
    text = _texts(work, children, answer)
    task = Task(
        prompt=wording.merge,
        given={"text": prompts.harmless(text), "task": wording.merging},
        asked="task",
        text=text,
        sources=_sentences(children),
        max_tokens=answer,
        length=lengths.in_tongue(MERGE_WORDS, tongue),
        tongue=tongue,
        style=Style.STANDARD,
    )
    return _output(work, *condensed(work, task))


def final(work: Work) -> Output:
    """The summaries that are left → the one that was asked for."""
    form = Form.of(work.step.input["form"])
    children, leaves = _outputs(work, "children"), _outputs(work, "leaves")
    text = _texts(work, children, work.step.input["answer"])
    task = Task(
        prompt=WORDINGS[_tongue(form)].merge,
        given={"text": prompts.harmless(text), "task": _wanted(form)},
        asked="task",
        sources=_sentences([*children, *leaves]),
        items=tuple(item for leaf in leaves for item in minutes.items(leaf["text"])),
        **_last(work.step.input, form, text),
    )
    return _output(work, *condensed(work, task))


def section_task(language: Language, form: Form, tongue: Tongue, title: str, text: str) -> Task:
    """What is written about a section: the same for most forms of the summary."""
    wording = WORDINGS[tongue]
    task = wording.tasks[form.style].format(
        size=wording.sizes[not language.small], instruction=prompts.harmless(form.instruction)
    )
    return Task(
        prompt=wording.section,
        given={"title": prompts.harmless(title), "text": prompts.harmless(text), "task": task},
        asked="task",
        text=text,
        sources=(text,),
        max_tokens=answers_of(language).section,
        length=lengths.in_tongue(SECTION_WORDS, tongue),
        tongue=tongue,
        style=form.style,
        focus=form.instruction,
    )


def _last(given: dict[str, Any], form: Form, text: str) -> dict[str, Any]:
    """What the text that the reader gets has to be like."""
    assert form.length is not None, "the outline has resolved the form"
    return {
        "text": text,
        "max_tokens": given["answer"],
        "length": form.length,
        "tongue": _tongue(form),
        "style": form.style,
        "last": True,
        "focus": form.instruction,
    }


def _wanted(form: Form) -> str:
    return (
        WORDINGS[_tongue(form)]
        .final[form.style]
        .format(length=form.length, instruction=prompts.harmless(form.instruction))
    )


def _tongue(form: Form) -> Tongue:
    assert form.language is not None, "the outline has resolved the form"
    return form.language


def _outputs(work: Work, name: str) -> Outputs:
    """The outputs of the steps that the input names, in that order."""
    found = {step.id: step.output for step in jobs.steps_of(work.job.id)}
    return [output for one in work.step.input[name] if (output := found[one])]


def _pages(given: dict[str, Any]) -> dict[int, str]:
    query = select(PageRow.number, PageRow.text).where(
        PageRow.version_id == given["version_id"],
        PageRow.number.in_({part[0] for part in given["parts"]}),
    )
    with reading() as session:
        return dict(session.execute(query).all())


def _texts(work: Work, children: Outputs, answer: int) -> str:
    """Summaries one after the other, each a paragraph, under the name of what it is about.

    They leave room for an answer of so many tokens.
    """
    given, language = work.step.input, work.tools.language
    texts = [child["text"] for child in children]
    if given["form"]["style"] == Style.MINUTES:
        texts = [minutes.plain(text) for text in texts]
    names = given.get("names") or [""] * len(texts)
    told = f"{'  '.join(names)} {given['form']['instruction']}"
    room = language.context_tokens - documents.PROMPT_OVERHEAD - answer
    room -= language.count_tokens(told)
    named = zip(names, fitted(texts, room, language.count_tokens), strict=True)
    return "\n\n".join(f"{name}:\n\n{text}" if name else text for name, text in named)


def _sentences(children: Outputs) -> tuple[str, ...]:
    """What carries a summary of summaries: their sentences, in their order."""
    return tuple(sentence["text"] for child in children for sentence in child["sentences"])


def _output(
    work: Work, data: dict[str, Any], key: str, pages: dict[int, str] | None = None
) -> Output:
    """The step's output; with pages, where on them the places of each sentence are."""
    given = work.step.input
    if pages is not None:
        data["cites"] = [
            _cites(given["parts"], pages, sentence["places"]) for sentence in data["sentences"]
        ]
    work.tell("partial", partial(given, work.step.ordinal, data))
    # What is made of several documents is kept for this job only: each of them may be deleted.
    alone = len(given["documents"]) == 1
    return Output(data, key if alone else None, given["documents"][0])


def _cites(
    parts: Sequence[Sequence[int]], pages: dict[int, str], places: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    return [
        {"page": page, "char_start": start, "char_end": end, "quote": pages[page][start:end]}
        for _, begin, stop in places
        for page, start, end in spans_of(parts, begin, stop)
    ]


def partial(given: dict[str, Any], ordinal: int, data: dict[str, Any]) -> dict[str, Any]:
    """What is told of a finished summary of a part."""
    return {
        "level": given["level"],
        "ordinal": ordinal,
        "documents": given["documents"],
        "title": given["title"],
        "pages": given["pages"],
        "text": data["text"],
        "thought": data["thought"],
        "reused": data["reused"],
    }
