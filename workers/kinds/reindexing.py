"""Reindexing a collection: prepare → embed … → switch.

A generation of the embedder that is set is filled beside the one that serves, and takes its place
when it lacks nothing. What is read meanwhile is written into both; what is deleted leaves both. If
the embedder is the same, the vectors are taken over and only the index is made anew, by which one
that is damaged is replaced. Cancelled, what was made is removed; failed, it is kept, and the next
job goes on with it.
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from ingest import embeddings, generations, reconcile
from ingest.database import reading
from ingest.errors import EmbedderMismatch, IndexLost, LecternError
from ingest.generations import Generation
from ingest.tables import ChunkRow, GenerationStatus
from workers import estimates
from workers.estimates import Expected
from workers.jobs import Job, Step
from workers.kinds.embedding import Target, fill, lacking
from workers.states import JobStatus, StepStatus
from workers.work import Kind, NewStep, Output, Plan, Progress, Work

#: A step has so many chunks, or a share of all, so that no job has many more steps than that.
STEP_CHUNKS, STEPS = 256, 400
SAMPLE = 16  #: chunks that are embedded to see how long one takes
#: Seconds that a chunk takes whose vector is known: read, written, taken by the index.
INDEX_SECONDS = 0.003

Range = tuple[str, str | None]  #: ids of chunks: after the one, up to the other


def prepare(work: Work) -> Output:
    """Begin a generation, or go on with one that was left, and say what it will take."""
    collection_id = str(work.job.collection_id)
    with work.write() as session:
        old = generations.serving(session, collection_id)
        if old is None:  # nothing was ever embedded
            return Output({"generation_id": None, "chunks": 0, "known": 0, "ranges": []})
        made = generations.make(session, collection_id, work.tools.embedder, work.job.id)
    with reading() as session:
        chunks, known = embeddings.extent(session, collection_id, made.id, made.embedder)
        ranges = embeddings.ranges(session, collection_id, made.id, _step_size(chunks))
    expected, seconds = _expected(work, made.id, (chunks, known), ranges[0])
    with work.write() as session:
        speed = work.tools.language.speed()
        promised = estimates.made(session, work.job, expected, speed, seconds)
        estimates.keep(session, work.job.id, promised)
    return Output(
        {
            "generation_id": made.id,
            "before": {"name": old.name, "dimensions": old.dimensions},
            "after": {"name": made.name, "dimensions": made.dimensions},
            "same": old.embedder == made.embedder,
            "chunks": chunks,
            "known": known,
            "ranges": ranges,
        }
    )


def estimate(work: Work) -> Output:
    """What a reindexing would take now."""
    collection_id, embedder = str(work.job.collection_id), work.tools.embedder
    with reading() as session:
        chunks, known = embeddings.extent(session, collection_id, "", embedder.fingerprint)
        first = embeddings.ranges(session, collection_id, "", _step_size(chunks))[0]
    expected, seconds = _expected(work, "", (chunks, known), first)
    with reading() as session:
        made = estimates.made(session, work.job, expected, work.tools.language.speed(), seconds)
    return Output({**made.public(), "chunks": chunks, "known": known})


def embed(work: Work) -> Output:
    """What a generation lacks of a range of chunks.

    Raises EmbedderMismatch, if its embedder is not here; IndexLost, if it is made no more.
    """
    began, done = time.monotonic(), set[str]()
    of_step = _within(work.step.input["range"])
    target = _target(work)
    generation = target.generation
    while batch := lacking(generation.collection_id, generation.id, of_step):
        done |= fill(work, target, batch)
        target = _target(work)
    return Output({"chunks": len(done), "embed_ms": round(1e3 * (time.monotonic() - began))})


def switch(work: Work) -> Output:
    """Let the new generation serve, if it lacks nothing; else say what is to be embedded first.

    Its index is compared with SQL before, every entry. Raises IndexLost, IndexUnavailable.
    """
    generation = _made(work)
    if generation.serving:
        return Output({"ranges": []})  # a try before this one has done it
    reconcile.repair(generation.id, work.tools.index)
    work.check()
    with work.write() as session:
        if generations.switch(session, generation.id):
            return Output({"ranges": []})
    with reading() as session:
        given = generation.collection_id, generation.id
        chunks, _ = embeddings.extent(session, *given, generation.embedder)
        return Output({"ranges": embeddings.ranges(session, *given, _step_size(chunks))})


def plan(_job: Job, steps: Sequence[Step]) -> Plan:
    """Prepare; embed in ranges; switch, and once more if something came in meanwhile."""
    prepared = next(step.output for step in steps if step.kind == "prepare")
    if prepared is None:
        return Plan(Progress(0, 1, "preparing"))
    embeds = [step for step in steps if step.kind == "embed"]
    done = [step for step in embeds if step.status is StepStatus.DONE]
    switches = sorted((s for s in steps if s.kind == "switch"), key=lambda step: step.ordinal)
    rounds = [prepared, *(step.output for step in switches if step.output is not None)]
    progress = _progress(prepared, done)
    if prepared["generation_id"] is None or (len(rounds) > 1 and not rounds[-1]["ranges"]):
        return Plan(progress, result=_result(prepared, done))
    ranges = [one for each in rounds for one in each["ranges"]]
    given = {"generation_id": prepared["generation_id"]}
    if len(embeds) < len(ranges):
        new = range(len(embeds), len(ranges))
        begun = (NewStep("embed", n, {**given, "range": ranges[n]}) for n in new)
        return Plan(progress, steps=tuple(begun))
    if len(done) < len(embeds) or len(switches) == len(rounds):
        return Plan(progress)
    return Plan(progress, steps=(NewStep("switch", len(switches), given),))


def settle(session: Session, job: Job, error: LecternError | None) -> None:
    """What has not come to serve is removed if nobody wants it, and else kept for another try."""
    wanted = job.status is not JobStatus.CANCELLED
    left = GenerationStatus.KEPT if wanted else GenerationStatus.RETIRED
    generations.leave(session, job.id, left)
    estimates.settle(session, job, error)


def _expected(
    work: Work, generation_id: str, extent: tuple[int, int], first: Range
) -> tuple[Expected, float]:
    """The steps, and the seconds that they take by a sample that is embedded now."""
    chunks, known = extent
    seconds = chunks * INDEX_SECONDS
    if new := chunks - known:
        sample = lacking(str(work.job.collection_id), generation_id, _within(first))[:SAMPLE]
        began = time.monotonic()
        work.tools.embedder.embed([one.text for one in sample], work.check)
        seconds += new * (time.monotonic() - began) / max(1, len(sample))
    count = -(-chunks // _step_size(chunks)) + 1
    return Expected(count, round((count - 1) * known / max(1, chunks)), 0, 0), seconds


def _within(part: Range) -> list[ColumnElement[bool]]:
    after, upto = part
    return [ChunkRow.id > after, *([ChunkRow.id <= upto] if upto else [])]


def _step_size(chunks: int) -> int:
    return max(STEP_CHUNKS, -(-chunks // STEPS))


def _made(work: Work) -> Generation:
    """The generation that the job makes, or has made."""
    with reading() as session:
        found = generations.get(session, work.step.input["generation_id"])
    if found is None or not found.live:
        raise IndexLost
    return found


def _target(work: Work) -> Target:
    generation = _made(work)
    embedder = work.tools.embedders.of(generation)
    if embedder is None:
        raise EmbedderMismatch(expected=generation.name, actual=work.tools.embedder.name)
    return Target(generation, embedder)


def _progress(prepared: dict[str, Any], done: Sequence[Step]) -> Progress:
    chunks = sum(step.output["chunks"] for step in done if step.output)
    total = max(prepared["chunks"], chunks)
    return Progress(chunks, total, "embedding" if chunks < total else "switching")


def _result(prepared: dict[str, Any], done: Sequence[Step]) -> dict[str, Any]:
    told = {name: value for name, value in prepared.items() if name != "ranges"}
    return {**told, "embed_ms": sum(step.output["embed_ms"] for step in done if step.output)}


REINDEXING = Kind(
    runners={"prepare": prepare, "embed": embed, "switch": switch}, plan=plan, settle=settle
)
