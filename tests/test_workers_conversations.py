"""Conversations: turns in order, one collection each, and nothing left of a deleted one."""

from typing import Any

import pytest
from fakes import Office, new_collection, read

from ingest.database import reading, writing
from ingest.passages import Scope
from workers import conversations, events, submit
from workers.errors import ConversationNotFound
from workers.jobs import Job
from workers.tables import ConversationRow, JobRow, StepRow, TurnRow

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def collection() -> str:
    return new_collection()


def ask(collection: str, question: str, conversation: str | None = None) -> Job:
    return submit.question(Scope(collection), question, conversation)


def of(job: Job) -> str:
    return str(job.params["conversation_id"])


def answer(job: Job, text: str, refused: bool = False) -> None:
    with writing() as session:
        conversations.close_turn(session, job.id, text, refused)


def test_turns_come_in_order_with_what_proves_them(collection: str) -> None:
    first = ask(collection, "  Who\nwas\tthere?  ")
    second = ask(collection, "And when?", of(first))
    answer(first, "Mr Chen.")
    proof = [{"id": 1, "quote": "Chen"}]
    with writing() as session:
        session.get_one(JobRow, first.id).result = {"citations": proof}
    found = conversations.get(of(first))
    assert found.title == "Who was there?"
    assert [(turn.job_id, turn.answer, turn.citations) for turn in found.turns] == [
        (first.id, "Mr Chen.", proof),
        (second.id, None, []),
    ]
    assert found.public()["turns"][0]["question"] == "  Who\nwas\tthere?  "


def test_history_is_what_was_answered_before(collection: str) -> None:
    made = [ask(collection, "One?")]
    made += [ask(collection, f"{number}?", of(made[0])) for number in ("Two", "Three", "Four")]
    for job in made[:3]:
        answer(job, f"{job.params['question']}!")
    earlier = conversations.history(of(made[0]), made[3].id, 2)
    assert [turn.question for turn in earlier] == ["Two?", "Three?"]
    assert conversations.history(of(made[0]), made[3].id, 0) == []
    again = conversations.history(of(made[0]), made[2].id, 5)
    assert [turn.question for turn in again] == ["One?", "Two?"]


def test_a_conversation_belongs_to_one_collection(collection: str) -> None:
    first = ask(collection, "When?")
    other = new_collection("Other")
    with pytest.raises(ConversationNotFound):
        ask(other, "When?", of(first))
    ask(other, "Where?")
    assert [one.title for one in conversations.listing(collection)] == ["When?"]
    assert {one.title for one in conversations.listing()} == {"When?", "Where?"}
    assert len(conversations.get(of(first)).turns) == 1


@pytest.mark.usefixtures("redis_url")
def test_nothing_is_left_of_a_deleted_conversation(collection: str) -> None:
    office = Office()
    read(office, collection, "The meeting was on Monday.")
    first = ask(collection, "When was the meeting?")
    kept = ask(collection, "When was the meeting?")
    office.work()
    assert events._client().exists(events._stream(first.id)) == 1
    conversations.delete(of(first))
    with pytest.raises(ConversationNotFound):
        conversations.get(of(first))
    with pytest.raises(ConversationNotFound):
        conversations.delete(of(first))
    assert events._client().exists(events._stream(first.id)) == 0
    assert rows_of(first) == 0
    assert conversations.get(of(kept)).turns[0].answer
    assert rows_of(kept) > 2


def test_a_conversation_can_be_deleted_while_it_is_answered(collection: str) -> None:
    office = Office()
    read(office, collection, "The meeting was on Monday.")
    job = ask(collection, "When was the meeting?")
    office.model.on_word = lambda: conversations.delete(of(job)) if alive(job) else None
    office.work()
    assert not alive(job)
    assert rows_of(job) == 0


def alive(job: Job) -> bool:
    with reading() as session:
        return session.get(JobRow, job.id) is not None


def rows_of(job: Job) -> int:
    with reading() as session:
        counts: list[Any] = [
            session.query(StepRow).filter_by(job_id=job.id).count(),
            session.query(TurnRow).filter_by(job_id=job.id).count(),
            session.query(ConversationRow).filter_by(id=of(job)).count(),
            session.query(JobRow).filter_by(id=job.id).count(),
        ]
    return sum(counts)
