"""What the model is asked: with a few passages of a collection, or with one whole document."""

from dataclasses import dataclass
from typing import Any

from langchain_core.prompts import ChatPromptTemplate

from ingest.filters import EVERYTHING, Filter
from ingest.passages import Found, passages_of
from workers import conversations, documents, prompts
from workers.conversations import Turn
from workers.documents import ANSWER_TOKENS, PROMPT_OVERHEAD, tongue_of_question
from workers.engine.template import Message
from workers.language import Limits
from workers.work import Work

SOURCES = 4  #: passages shown to the model, as far as they fit
HISTORY_TURNS = 1  #: before a question about passages


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, and the passages that may prove the answer to it."""

    prompt: ChatPromptTemplate
    given: dict[str, Any]
    limits: Limits
    evidence: list[Found]


def whole_document(work: Work) -> documents.Whole | None:
    """The document that is asked about, if it is one that the model can read whole."""
    if work.job.document_id is None or Filter.of(work.job.params.get("filter")) != EVERYTHING:
        return None
    question = work.job.params["question"]
    return documents.whole(work.job.document_id, work.tools.language, question)


def about_document(work: Work, document: documents.Whole) -> Asked:
    """Document, what was said before, question. All of the document may prove the answer."""
    language, question = work.tools.language, work.job.params["question"]
    earlier = _earlier(work)
    turns = documents.fitting(earlier, document, language)
    first, later = documents.talk(turns, question)
    sources = frozenset({document.document_id}) | conversations.documents_of(turns)
    return Asked(
        prompt=prompts.PROMPTS[document.tongue].talk,
        given={"document": document.text, "first": first, "later": later},
        limits=work.limits(ANSWER_TOKENS, sources, durable=True),
        evidence=passages_of(document.document_id),
    )


def about_passages(work: Work, passages: list[Found]) -> Asked:
    """Passages, the turn before, question."""
    question = work.job.params["question"]
    wording = prompts.PROMPTS[tongue_of_question(question)]
    turns = turn_before(work)
    sources = _fitting(work, passages, turns)
    told = [
        prompts.source(f"{source.document_name}, p. {source.page}", source.text)
        for source in sources
    ]
    sought = wording.sought.format(
        earlier=_told(turns, wording),
        question=prompts.harmless(question),
        refusal=wording.refusal,
    )
    message = prompts.evidence(_known_first(work, wording, told), sought)
    shown = frozenset(source.document_id for source in sources)
    limits = work.limits(
        ANSWER_TOKENS,
        shown | conversations.documents_of(turns),
        durable=work.tools.language.composes,
    )
    return Asked(wording.answer, {"evidence": [message]}, limits, sources)


def _known_first(work: Work, wording: prompts.Prompts, passages: list[str]) -> list[str]:
    """The passages in an order whose beginning the engine may have computed before."""
    engine = work.tools.language.engine
    if engine is None:
        return passages
    (system,) = wording.answer.format_messages(evidence=[])
    messages = [Message("system", system.text), Message("user", "", shared=tuple(passages))]
    return [passages[place] for place in engine.cheapest_order(messages)]


def turn_before(work: Work) -> list[Turn]:
    """The turn before this one: “and in 2024?” means nothing alone."""
    return _earlier(work, HISTORY_TURNS)


def _earlier(work: Work, limit: int | None = None) -> list[Turn]:
    given = work.job.params
    last = given.get("follows")
    return conversations.history(given["conversation_id"], work.job.id, limit, last)


def _told(turns: list[Turn], wording: prompts.Prompts) -> str:
    """Earlier questions and answers, for the prompt."""
    lines = (wording.turn.format(question=t.question, answer=t.answer or "") for t in turns)
    return prompts.harmless("".join(lines))


def _fitting(work: Work, passages: list[Found], turns: list[Turn]) -> list[Found]:
    """The best passages that fit the prompt, in the order in which they stand in the library."""
    language = work.tools.language
    left = language.context_tokens - ANSWER_TOKENS - PROMPT_OVERHEAD
    left -= language.count_tokens(work.job.params["question"])
    left -= sum(language.count_tokens(f"{turn.question} {turn.answer}") for turn in turns)
    chosen: list[Found] = []
    for passage in passages:
        tokens = language.count_tokens(passage.text) + language.count_tokens(passage.document_name)
        if len(chosen) < SOURCES and tokens + 24 <= left:
            chosen.append(passage)
            left -= tokens + 24
    return sorted(chosen, key=lambda one: (one.document_id, one.page, one.char_start))
