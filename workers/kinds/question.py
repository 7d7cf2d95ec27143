"""Answering a question: retrieve → answer, streamed, each sentence checked against its source.

No evidence, no answer: when nothing near enough is found, or nothing the model wrote can be
found in what it read, the reply is a fixed refusal that says what was searched.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from ingest.errors import LecternError
from ingest.search import Findings, Found, find
from workers import citations, conversations, prompts, writing
from workers.jobs import Job, Step
from workers.work import Kind, NewStep, Output, Plan, Progress, Work
from workers.language import CJK
from workers.tables import JobDocumentRow

PASSAGES = 12  #: asked of the search
SOURCES = 5  #: shown to the model
ANSWER_TOKENS = 160
PROMPT_OVERHEAD = 256
HISTORY_TURNS = 1
#: Below this similarity the embedder finds everything equally far; nothing is worth a prompt.
NEAREST = 0.25


def retrieve(work: Work) -> Output:
    """Find the evidence and decide whether there is any."""
    began = time.monotonic()
    findings = find(
        str(work.job.collection_id),
        _query(work),
        PASSAGES,
        work.tools.embedder,
        work.tools.index,
    )
    best = max((passage.score for passage in findings.passages), default=0.0)
    return Output(
        {
            "passages": [passage.public() for passage in findings.passages],
            "searched": _searched(findings, best),
            "enough": best >= NEAREST,
            "timings": findings.timings,
            "retrieve_ms": round(1e3 * (time.monotonic() - began)),
        }
    )


def _query(work: Work) -> str:
    """The question, behind the one before it: “and in 2024?” means nothing alone."""
    earlier = conversations.history(work.job.params["conversation_id"], work.job.id, HISTORY_TURNS)
    return " ".join([*(turn.question for turn in earlier), work.job.params["question"]])


def _searched(findings: Findings, best: float) -> dict[str, Any]:
    return {
        "documents": findings.documents_searched,
        "passages": len(findings.passages),
        "best_score": best,
    }


def answer(work: Work) -> Output:
    """Write the answer from the evidence and prove it."""
    question = work.job.params["question"]
    tongue = tongue_of(question)
    wording = prompts.PROMPTS[tongue]
    passages = [Found(**passage) for passage in work.step.input["passages"]]
    sources = _fitting(work, passages, question)
    _remember_documents(work, sources)
    given = {
        "sources": "\n".join(
            prompts.fence(number, f"{source.document_name}, p. {source.page}", source.text)
            for number, source in enumerate(sources, 1)
        ),
        "question": prompts.harmless(question),
        "refusal": wording.refusal,
    }
    attempt = work.step.claims

    def tell(text: str) -> None:
        work.tell("token", {"text": text, "attempt": attempt})

    written = writing.write(work, wording.answer, given, ANSWER_TOKENS, tell)
    proof = citations.prove(citations.without_markers(written.text), sources)
    for citation in proof.citations:
        work.tell("citation", asdict(citation))
    return Output(
        {
            **_reply(written.text, proof, wording.refusal),
            "usage": written.usage(),
            "first_token_ms": written.first_token_ms,
            "answer_ms": written.total_ms,
        }
    )


def tongue_of(question: str) -> prompts.Tongue:
    """The language to answer in: the question's own."""
    return "zh-TW" if CJK.search(question) else "en"


def _reply(text: str, proof: citations.Proof, refusal: str) -> dict[str, Any]:
    """The answer if any of it is carried by the evidence, else the refusal and the draft."""
    if proof.verified:
        body = citations.without_markers(text)
        return {"answer": body, "refused": False, "draft": None, **proof.public()}
    draft = None if not text or text.startswith(refusal) else text
    return refused(refusal, draft)


def refused(refusal: str, draft: str | None) -> dict[str, Any]:
    """The fixed reply when the documents carry no answer."""
    return {
        "answer": refusal,
        "refused": True,
        "draft": draft,
        "sentences": [],
        "citations": [],
    }


def _fitting(work: Work, passages: list[Found], question: str) -> list[Found]:
    """The best passages that fit the prompt, in the order in which they stand in the library."""
    language = work.tools.language
    left = language.context_tokens - ANSWER_TOKENS - PROMPT_OVERHEAD
    left -= language.count_tokens(question)
    chosen: list[Found] = []
    for passage in passages:
        tokens = language.count_tokens(passage.text) + language.count_tokens(passage.document_name)
        if len(chosen) < SOURCES and tokens + 24 <= left:
            chosen.append(passage)
            left -= tokens + 24
    return sorted(chosen, key=lambda one: (one.document_id, one.page, one.char_start))


def _remember_documents(work: Work, sources: list[Found]) -> None:
    """What the answer is made of: deleting one of them deletes the answer."""
    with work.write() as session:
        for document_id in {source.document_id for source in sources}:
            session.merge(JobDocumentRow(job_id=work.job.id, document_id=document_id))


def plan(job: Job, steps: Sequence[Step]) -> Plan:
    """Evidence, then the answer; or the refusal at once."""
    found = steps[0].output
    if found is None:
        return Plan(Progress(0, 2, "searching"))
    if not found["enough"]:
        refusal = prompts.PROMPTS[tongue_of(job.params["question"])].refusal
        return Plan(Progress(2, 2, "done"), result=_result(job, found, refused(refusal, None)))
    if len(steps) == 1:
        given = {"passages": found["passages"]}
        return Plan(Progress(1, 2, "answering"), steps=(NewStep("answer", 0, given),))
    reply = steps[1].output
    if reply is None:
        return Plan(Progress(1, 2, "answering"))
    return Plan(Progress(2, 2, "done"), result=_result(job, found, reply))


def _result(job: Job, found: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    shown = ("answer", "refused", "draft", "sentences", "citations")
    nothing_spent = {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0}
    return {
        **{name: reply[name] for name in shown},
        "conversation_id": job.params["conversation_id"],
        "searched": found["searched"],
        "usage": reply.get("usage", nothing_spent),
        "timings": {
            **found["timings"],
            "retrieve_ms": found["retrieve_ms"],
            "first_token_ms": reply.get("first_token_ms"),
            "answer_ms": reply.get("answer_ms"),
        },
    }


def settle(session: Session, job: Job, error: LecternError | None) -> None:
    """Close the conversation's turn."""
    if error is None and job.result is not None:
        conversations.close_turn(session, job.id, job.result["answer"], job.result["refused"])


QUESTION = Kind(runners={"retrieve": retrieve, "answer": answer}, plan=plan, settle=settle)
