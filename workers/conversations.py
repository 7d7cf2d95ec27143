"""Conversations keep their turns: each question, its answer, and the job that holds its proof."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.database import new_id, now, reading, writing
from workers import events
from workers.errors import ConversationNotFound
from workers.tables import ConversationRow, JobDocumentRow, JobRow, TurnRow

TITLE_CHARACTERS = 80
ANSWERS = 20  #: to one question, that are looked at


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and, once it is there, its answer."""

    job_id: str
    question: str
    answer: str | None
    refused: bool
    created_at: float
    citations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, and where it was given."""

    job_id: str
    conversation_id: str
    answer: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat over one collection."""

    id: str
    collection_id: str
    title: str
    created_at: float
    turns: tuple[Turn, ...] = ()

    def public(self) -> dict[str, Any]:
        """The conversation as the REST interface shows it."""
        return asdict(self)


def listing(collection_id: str | None = None) -> list[Conversation]:
    """Conversations without their turns, newest first."""
    query = select(ConversationRow).order_by(ConversationRow.created_at.desc())
    if collection_id is not None:
        query = query.where(ConversationRow.collection_id == collection_id)
    with reading() as session:
        return [
            Conversation(row.id, row.collection_id, row.title, row.created_at)
            for row in session.scalars(query)
        ]


def get(conversation_id: str) -> Conversation:
    """One conversation with its turns, oldest first."""
    with reading() as session:
        row = _row(session, conversation_id)
        turns = tuple(_turns(session, conversation_id))
        return Conversation(row.id, row.collection_id, row.title, row.created_at, turns)


def delete(conversation_id: str) -> None:
    """Remove a conversation, its turns and the jobs that answered them."""
    with writing() as session:
        _row(session, conversation_id)
        turns = select(TurnRow.job_id).where(TurnRow.conversation_id == conversation_id)
        job_ids = list(session.scalars(turns))
        session.execute(sql_delete(JobRow).where(JobRow.id.in_(job_ids)))
        session.execute(sql_delete(ConversationRow).where(ConversationRow.id == conversation_id))
    events.forget(job_ids)


def open_turn(
    session: Session, job_id: str, collection_id: str, question: str, conversation_id: str | None
) -> str:
    """Add a turn that waits for its answer; returns the conversation's id.

    A conversation belongs to one collection; under another collection's id it does not exist.
    """
    moment = now(session)
    if conversation_id is None:
        conversation_id = new_id("conv")
        title = " ".join(question.split())[:TITLE_CHARACTERS]
        session.add(
            ConversationRow(
                id=conversation_id, collection_id=collection_id, title=title, created_at=moment
            )
        )
        session.flush()
    elif _row(session, conversation_id).collection_id != collection_id:
        raise ConversationNotFound(id=conversation_id)
    session.add(
        TurnRow(
            job_id=job_id, conversation_id=conversation_id, question=question, created_at=moment
        )
    )
    return conversation_id


def close_turn(session: Session, job_id: str, answer: str, refused: bool) -> None:
    """Write the answer into its turn."""
    turn = session.get(TurnRow, job_id)
    if turn is not None:
        turn.answer, turn.refused = answer, refused


def answers_to(collection_id: str, question: str) -> list[Said]:
    """The latest answers to just this question over a collection, newest first."""
    query = (
        select(TurnRow.job_id, TurnRow.conversation_id, TurnRow.answer)
        .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
        .where(ConversationRow.collection_id == collection_id, TurnRow.question == question)
        .where(TurnRow.answer.is_not(None))
        .order_by(TurnRow.created_at.desc())
        .limit(ANSWERS)
    )
    with reading() as session:
        return [
            Said(job, conversation, answer or "")
            for job, conversation, answer in session.execute(query)
        ]


def history(
    conversation_id: str, before_job_id: str, limit: int | None = None, last: str | None = None
) -> list[Turn]:
    """The last `limit` answered turns (or all) before the given one, oldest first.

    With `last`, the job of a turn, up to that one: who asked has not seen those after it.
    """
    with reading() as session:
        turns = [turn for turn in _turns(session, conversation_id) if turn.answer is not None]
    earlier = [turn for turn in turns if turn.job_id != before_job_id]
    known = [turn.job_id for turn in earlier]
    if last in known:
        earlier = earlier[: known.index(last) + 1]
    return earlier if limit is None else earlier[max(0, len(earlier) - limit) :]


def documents_of(turns: Sequence[Turn]) -> frozenset[str]:
    """The documents that the turns' answers are made of."""
    jobs = [turn.job_id for turn in turns]
    query = select(JobDocumentRow.document_id).where(JobDocumentRow.job_id.in_(jobs))
    with reading() as session:
        return frozenset(session.scalars(query))


def _turns(session: Session, conversation_id: str) -> list[Turn]:
    query = (
        select(TurnRow, JobRow.result)
        .join(JobRow, JobRow.id == TurnRow.job_id)
        .where(TurnRow.conversation_id == conversation_id)
        .order_by(TurnRow.created_at)
    )
    return [
        Turn(
            row.job_id,
            row.question,
            row.answer,
            row.refused,
            row.created_at,
            (result or {}).get("citations", []),
        )
        for row, result in session.execute(query)
    ]


def _row(session: Session, conversation_id: str) -> ConversationRow:
    row = session.get(ConversationRow, conversation_id)
    if row is None:
        raise ConversationNotFound(id=conversation_id)
    return row
