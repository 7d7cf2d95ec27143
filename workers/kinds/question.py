"""Answering a question: retrieve → answer, streamed, each sentence checked against its source.

No evidence, no answer. When the model's words can't be found in what it read, the best sentence of
the evidence is quoted instead; when there is none, the reply is a fixed refusal that says what
was searched.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from ingest.database import reading
from ingest.errors import LecternError
from ingest.filters import Filter
from ingest.passages import Found, Scope, openings
from ingest.query import understand
from ingest.search import find
from workers import citations, conversations, prompts, steps, usage, writing
from workers.documents import tongue_of_question
from workers.errors import Cancelled
from workers.followups import leans
from workers.jobs import Job, Step
from workers.kinds.asking import (
    SOURCES,
    about_document,
    about_passages,
    turn_before,
    whole_document,
)
from workers.quotes import Quoted, best_quoted
from workers.strangers import names_of, only_strangers, other_years
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

PASSAGES = 12  #: asked of the search
NEAREST = 3  #: shown with a refusal
#: Surety below which nothing is quoted, nor worth a prompt without a passage so near by its vector
#: (measured on questions that the documents answer and on questions that they do not; see
#: docs/decisions/0006-evidence.md).
EVIDENCE, NEAR = 0.2, 0.5
#: Where a larger model's words can't be proved, only what scores so much stands in their place.
SURELY = 0.45
OPENING = 2_500  #: characters of a document's first page that may know a name
CARRIED = 0.5  #: share of the model's sentences that the evidence must carry


def retrieve(work: Work) -> Output:
    """Find the evidence and decide whether there is any."""
    began = time.monotonic()
    question = work.job.params["question"]
    before = turn_before(work) if leans(question) else []
    query = " ".join([*(turn.question for turn in before), question])
    only = Filter.of(work.job.params.get("filter"))
    scope = Scope(str(work.job.collection_id), work.job.document_id, only)
    findings = find(scope, query, PASSAGES, work.tools.means)
    sources = _still_there(work, findings.passages[:SOURCES])
    quote = best_quoted(query, sources, work.tools.embedder)
    stranger = _about_strangers(query, findings.passages)
    sure = quote if quote is not None and quote.surety >= EVIDENCE and not stranger else None
    if sure is not None:
        first, *_ = citations.quoted(sure.places).citations
        work.tell("quote", asdict(first))  # seconds before the model's first word
    # A document that a larger model reads whole is evidence enough; whether it carries the answer
    # is seen afterwards.
    whole = whole_document(work) is not None
    believed = whole and not work.tools.language.small
    near = max((source.similarity or 0.0 for source in sources), default=0.0)
    passages = list(dict.fromkeys([*sources, *(sure.passages if sure else ())]))
    return Output(
        {
            "passages": [passage.public() for passage in passages],
            "quote": _noted(sure, passages) if sure else None,
            "searched": {
                **findings.searched,
                "passages": len(findings.passages),
                "best_score": quote.score if quote else 0.0,
                "strangers": stranger,
                "whole": whole,
            },
            "enough": (believed or sure is not None or near >= NEAR) and not stranger,
            "timings": findings.timings,
            "retrieve_ms": round(1e3 * (time.monotonic() - began)),
        }
    )


def _about_strangers(question: str, passages: Sequence[Found]) -> bool:
    """Whether whoever the question names, or each year, is unknown to all that was found."""
    if not any(names_of(question)) and not understand(question).cue:
        return False
    with reading() as session:
        beginnings = openings(session, (one.version_id for one in passages), OPENING)
    told = [*(f"{one.heading} {one.text}" for one in passages), *beginnings]
    names = [one.document_name for one in passages]
    return only_strangers(question, told, names) or other_years(question, [*told, *names])


def _noted(quote: Quoted, passages: Sequence[Found]) -> dict[str, Any]:
    """What of the evidence answers best, for the answer step."""
    places = [
        {"passage": passages.index(one.passage), "start": one.start, "end": one.end}
        for one in quote.places
    ]
    return {"places": places, "score": quote.score}


def answer(work: Work) -> Output:
    """Write the answer from the evidence and prove it."""
    document = whole_document(work)
    if document is not None:
        asked = about_document(work, document)
    else:
        asked = about_passages(work, [Found(**one) for one in work.step.input["passages"]])
    attempt = work.step.claims

    def tell(text: str) -> None:
        work.tell("token", {"text": text, "attempt": attempt})

    written = writing.write(work, asked.prompt, asked.given, asked.limits, tell)
    reply = _reply(work, written.text, asked.evidence, _refusal(work.job))
    _tell_citations(work, reply["citations"])
    return Output(
        {
            **reply,
            "usage": written.usage(),
            "first_token_ms": written.first_token_ms,
            "answer_ms": written.total_ms,
        }
    )


def _tell_citations(work: Work, told: Sequence[dict[str, Any]]) -> None:
    """Holding what a deletion must hold to cancel the job, so that it comes before or after."""
    with work.write() as session:
        if steps.held_job(session, work.step).cancel_requested_at is not None:
            raise Cancelled
        for citation in told:
            work.tell("citation", citation)


def _refusal(job: Job) -> str:
    return prompts.PROMPTS[tongue_of_question(job.params["question"])].refusal


def _reply(work: Work, text: str, sources: list[Found], refusal: str) -> dict[str, Any]:
    """The model's words if the evidence carries them, else the evidence's own, else a refusal."""
    small = work.tools.language.small
    best = _best_places(work.step.input, 0.0 if small else SURELY)
    body = citations.without_markers(text)
    refusing = not body or body.startswith(refusal)
    if refusing and not small:
        return refused(refusal, None)
    proof = citations.prove("" if refusing else body, sources)
    if proof.carried >= CARRIED and not small:
        return _answered("written", body, proof, None)
    if proof.carried >= CARRIED and best and all(map(proof.cites, best)):
        # What a small model adds of its own is invented, mostly.
        return _answered("written", proof.only_carried().text, proof.only_carried(), body)
    draft = None if refusing else body
    if not best:
        return refused(refusal, draft)
    quoted = citations.quoted(best, sources)
    return _answered("quoted", quoted.text, quoted, draft)


def _best_places(given: dict[str, Any], least: float) -> list[citations.Place]:
    """What the retrieve step found to answer best, if it scores enough."""
    quote = given["quote"]
    if quote is None or quote["score"] < least:
        return []
    passages = given["passages"]
    places = quote.get("places", [quote])  # what a version before has queued is a place itself
    return [
        citations.Place(Found(**passages[one["passage"]]), one["start"], one["end"])
        for one in places
    ]


def _answered(mode: str, body: str, proof: citations.Proof, draft: str | None) -> dict[str, Any]:
    shown = None if draft == body else draft
    return {"answer": body, "mode": mode, "refused": False, "draft": shown, **proof.public()}


def refused(refusal: str, draft: str | None) -> dict[str, Any]:
    """The fixed reply when the documents carry no answer."""
    return {
        "answer": refusal,
        "mode": "refused",
        "refused": True,
        "draft": draft,
        "sentences": [],
        "citations": [],
    }


def _still_there(work: Work, sources: Sequence[Found]) -> list[Found]:
    """The sources whose documents exist, noted as what the answer is made of."""
    with work.write() as session:
        there = steps.draw_on(session, work.step, (source.document_id for source in sources))
    return [source for source in sources if source.document_id in there]


def plan(job: Job, done: Sequence[Step]) -> Plan:
    """Evidence, then the answer; or the refusal at once."""
    steps_by_kind = {step.kind: step for step in done}
    found = steps_by_kind["retrieve"].output
    if found is None:
        return Plan(Progress(0, 2, "searching"))
    if not found["enough"]:
        nothing = refused(_refusal(job), None)
        return Plan(Progress(2, 2, "done"), result=_result(job, found, nothing))
    if "answer" not in steps_by_kind:
        given = {"passages": found["passages"], "quote": found["quote"]}
        return Plan(Progress(1, 2, "answering"), steps=(NewStep("answer", 0, given),))
    reply = steps_by_kind["answer"].output
    if reply is None:
        return Plan(Progress(1, 2, "answering"))
    return Plan(Progress(2, 2, "done"), result=_result(job, found, reply))


def _result(job: Job, found: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    shown = ("answer", "mode", "refused", "draft", "sentences", "citations")
    nearest = found["passages"][:NEAREST] if reply["refused"] else []
    return {
        **{name: reply[name] for name in shown},
        "nearest": [citations.excerpt(Found(**passage)) for passage in nearest],
        "conversation_id": job.params["conversation_id"],
        "searched": found["searched"],
        "usage": reply.get("usage", usage.total([])),
        "timings": {
            **found["timings"],
            "retrieve_ms": found["retrieve_ms"],
            "first_token_ms": found["retrieve_ms"] + reply.get("first_token_ms", 0),
            "total_ms": found["retrieve_ms"] + reply.get("answer_ms", 0),
        },
    }


def settle(session: Session, job: Job, error: LecternError | None) -> None:
    """Close the conversation's turn."""
    if error is None and job.result is not None:
        conversations.close_turn(session, job.id, job.result["answer"], job.result["refused"])


QUESTION = Kind(runners={"retrieve": retrieve, "answer": answer}, plan=plan, settle=settle)
