"""What followers of a job hear: in order, once, after any interruption, and always the end."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from fakes import new_collection

from ingest.database import writing
from ingest.passages import Scope
from workers import events, jobs, submit
from workers.errors import JobNotFound
from workers.events import Event, emit, follow, forget, tell_outcome
from workers.jobs import Job
from workers.states import JobStatus
from workers.tables import JobRow

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def job() -> Job:
    return submit.question(Scope(new_collection()), "When?", None)


def end(job: Job, status: JobStatus = JobStatus.SUCCEEDED, **fields: Any) -> Job:
    with writing() as session:
        row = session.get_one(JobRow, job.id)
        row.status = status
        for name, value in fields.items():
            setattr(row, name, value)
    return jobs.get(job.id)


async def heard(job: Job, after: str | None = None) -> list[Event]:
    async with asyncio.timeout(30):
        return [event async for event in follow(job.id, after)]


async def test_no_job_has_no_story() -> None:
    with pytest.raises(JobNotFound):
        await anext(follow("job_none"))


@pytest.mark.usefixtures("redis_url")
class TestWithRedis:
    """What is told by way of the wire."""

    async def test_events_come_in_order_and_resume_after_any_of_them(self, job: Job) -> None:
        for number in range(450):  # more than one look brings
            emit(job.id, "token", {"text": f"{number}字", "attempt": 1})
        tell_outcome(end(job, result={"answer": "On Monday."}))
        whole = await heard(job)
        assert [event.data["text"] for event in whole[:-1]] == [f"{n}字" for n in range(450)]
        assert (whole[-1].name, whole[-1].data["result"]) == ("done", {"answer": "On Monday."})
        assert all(event.id for event in whole)
        for place in (0, 199, 200, 448, 449):
            assert await heard(job, whole[place].id) == whole[place + 1 :]

    async def test_the_end_is_not_repeated_for_who_has_heard_it(self, job: Job) -> None:
        tell_outcome(end(job))
        (last,) = await heard(job)
        assert last.name == "done"
        assert await heard(job, last.id) == []

    async def test_what_happens_is_heard_while_it_happens(self, job: Job) -> None:
        async with asyncio.timeout(30), aclosing(follow(job.id)) as story:
            waiting = asyncio.ensure_future(anext(story))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            emit(job.id, "progress", {"percent": 1})
            assert (await waiting).data == {"percent": 1}
            tell_outcome(end(job))
            assert (await anext(story)).name == "done"
            with pytest.raises(StopAsyncIteration):
                await anext(story)

    async def test_an_end_that_nobody_told_comes_from_the_database(self, job: Job) -> None:
        emit(job.id, "token", {"text": "On"})
        cancelled = await asyncio.to_thread(jobs.cancel, job.id)
        assert cancelled.status is JobStatus.CANCELLED
        token, last = await heard(job)
        assert token.name == "token"
        assert (last.id, last.name, last.data["code"]) == (None, "error", "cancelled")
        assert last.data["status"] == "cancelled"

    async def test_a_lost_stream_still_ends(self, job: Job) -> None:
        emit(job.id, "token", {"text": "On"})
        first = await anext(follow(job.id))
        tell_outcome(end(job, JobStatus.FAILED, error={"code": "x", "message": "It is."}))
        forget([job.id])
        (last,) = await heard(job, first.id)
        assert (last.id, last.name) == (None, "error")
        assert last.data == {"status": "failed", "code": "x", "message": "It is."}

    async def test_streams_do_not_grow_or_stay_for_ever(
        self, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(events, "STREAM_LENGTH", 100)
        for number in range(1_000):
            emit(job.id, "token", {"text": str(number)})
        client, key = events._client(), events._stream(job.id)
        assert client.xlen(key) < 400
        assert 0 < client.ttl(key) <= events.STREAM_SECONDS

    async def test_nothing_is_left_of_forgotten_streams(self, job: Job) -> None:
        emit(job.id, "token", {"text": "On"})
        forget([job.id, "job_none"])
        forget([])
        assert not events._client().exists(events._stream(job.id))


class TestWithoutRedis:
    """A dead wire costs the live view, never the job and never the end."""

    async def test_telling_and_forgetting_are_harmless(self, job: Job) -> None:
        emit(job.id, "token", {"text": "On"})
        forget([job.id])
        tell_outcome(end(job))

    async def test_the_end_comes_from_the_database(self, job: Job) -> None:
        waiting = asyncio.ensure_future(heard(job))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await asyncio.to_thread(end, job, result={"answer": "On Monday."})
        (last,) = await waiting
        assert (last.name, last.data["result"]) == ("done", {"answer": "On Monday."})
