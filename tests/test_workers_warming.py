"""Documents computed ahead: which and when, who interrupts it, and that they go when they go."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fakes
import numpy as np
import pytest
from fakes import MemoryEngine, Office, new_collection, prose, read, store

from ingest.passages import Scope
from ingest.records import Document
from workers import documents, forgetting, idle, jobs, submit
from workers.chat_model import LecternChat
from workers.engine import profile
from workers.engine.engine import Engine
from workers.errors import EngineStopped
from workers.language import Language
from workers.settings import Settings
from workers.states import JobStatus, Lane
from workers.warming import MEGABYTE, Warmer

pytestmark = pytest.mark.usefixtures("migrated")


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def office(engine: MemoryEngine) -> Office:
    return Office(engine=engine)


@pytest.fixture
def collection() -> str:
    return new_collection()


def warmer(office: Office, occupied: bool = False, **settings: int) -> Warmer:
    return Warmer(office.tools.language, Settings(**settings), lambda: occupied)


def test_what_is_read_and_fits_is_computed_newest_first(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    first = read(office, collection, prose(3), "first.txt")
    read(office, collection, prose(120), "long.txt")
    store(collection, "Not read.", "waiting.txt")
    last = read(office, collection, prose(4), "last.txt")
    ours = warmer(office)
    while ours.warm(engine):
        pass
    assert [request.sources for request in engine.asked] == [{last.id}, {first.id}]
    for request in engine.asked:
        assert (request.max_tokens, request.durable, request.lane) == (0, True, Lane.BATCH)
        assert request.prefixes == (1, len(request.prompt))


def test_what_is_kept_or_was_computed_once_is_left_alone(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    read(office, collection, prose(3))
    ours = warmer(office)
    assert ours.warm(engine)
    assert not warmer(office).warm(engine)  # another sees that it is kept
    engine.kept.clear()
    assert not ours.warm(engine)  # the cache dropped it: it shall not come in again by itself
    assert len(engine.asked) == 1


def test_a_step_that_begins_ends_it_and_it_is_taken_up_again(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    read(office, collection, prose(3))
    busy = [False]
    ours = Warmer(office.tools.language, Settings(), lambda: busy[0])
    engine.on_request = lambda: busy.__setitem__(0, True)
    assert not ours.warm(engine)
    assert engine.asked[0].cancelled()
    engine.on_request, busy[0] = (lambda: None), False
    assert ours.warm(engine)
    assert len(engine.kept) == 1


def test_a_full_store_is_not_filled_further(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    read(office, collection, prose(3))
    ours = warmer(office, prefix_disk_mb=10, prefix_cache_mb=10)
    engine.figures = replace(engine.figures, disk_bytes=9 * MEGABYTE)
    assert not ours.warm(engine)
    engine.figures = replace(engine.figures, disk_bytes=0, prefix_bytes=11 * MEGABYTE)
    assert not ours.warm(engine)  # they wait to be written, or can't be
    engine.figures = replace(engine.figures, prefix_bytes=0)
    assert ours.warm(engine)


def test_one_document_that_can_not_be_computed_stops_no_other(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    other = read(office, collection, prose(3), "other.txt")
    bad = read(office, collection, prose(4), "bad.txt")

    def refuse() -> None:
        if engine.asked[-1].sources == {bad.id}:
            raise EngineStopped(reason="odd tokens")

    engine.on_request = refuse
    ours = warmer(office)
    while ours.warm(engine):
        pass
    assert [request.sources for request in engine.asked] == [{bad.id}, {other.id}]
    assert engine.sources() == {other.id}


def test_a_worker_does_it_when_it_has_been_quiet(
    office: Office, engine: MemoryEngine, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(idle, "QUIET_SECONDS", 0.2)
    document = read(office, collection, prose(3))
    asked_during = list[int]()

    def linger() -> None:
        time.sleep(0.1)  # five words: longer than it takes to be quiet
        asked_during.append(len(engine.asked))

    office.model.on_word = linger
    submit.summary(document.id)
    office.runtime.start()
    try:
        office.work()
        assert set(asked_during) == {0}
        deadline = time.monotonic() + 20
        while not engine.kept:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert engine.sources() == {document.id}
    finally:
        office.runtime.leave()
    assert not office.runtime._idle._thread.is_alive()


@pytest.mark.parametrize("setting", [{"warm": "off"}, {"prefix_disk_mb": 0}])
def test_it_can_be_switched_off(setting: dict[str, object]) -> None:
    office = Office(engine=MemoryEngine(), tune="off", **setting)
    office.runtime.start()
    assert not office.runtime._idle._thread.is_alive()
    office.runtime.leave()


def test_an_engine_forgets_what_is_gone_or_going_at_the_next_tick(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    kept, gone = (read(office, collection, prose(n), f"{n}.txt") for n in (3, 4))
    engine.kept = {(1,): frozenset({kept.id}), (2,): frozenset({gone.id, kept.id})}
    engine.kept[(3,)] = frozenset({"doc_of_yesterday"})
    submit.delete_document(gone.id)
    office.runtime._look_around()
    assert list(engine.kept) == [(1,)]
    forgetting.forget_deleted(engine)  # type: ignore[arg-type]
    assert list(engine.kept) == [(1,)]


def test_the_deletion_itself_forgets_too(
    office: Office, engine: MemoryEngine, collection: str
) -> None:
    document = read(office, collection, prose(3))
    engine.kept = {(1,): frozenset({document.id})}
    deletion = submit.delete_document(document.id)
    office.work()
    assert jobs.get(deletion.id).status is JobStatus.SUCCEEDED
    assert engine.kept == {}


# With the real engine


FACT = "The lamp at Skarholm was dark for seventeen days after the fire of the oil store."
CHOSEN = Settings(context=1536, batch_slots=1, interactive_slots=1, threads=1)


def loaded(model_file: Path, folder: Path) -> Engine:
    return Engine(model_file, CHOSEN, profile.overridden(profile.fallback(CHOSEN), CHOSEN), folder)


@pytest.fixture
def kv(tmp_path: Path) -> Path:
    return tmp_path / "kv"


@pytest.fixture
def real(model_file: Path, kv: Path) -> Iterator[Engine]:
    engine = loaded(model_file, kv)
    yield engine
    engine.close()


def staffed(engine: Engine) -> Office:
    """An office whose model is the real one."""
    office = Office()
    language = Language(
        chat=LecternChat(engine=engine, repeat_penalty=1.1),
        fingerprint=engine.model.fingerprint,
        context_tokens=engine.context_tokens,
        count_tokens=engine.count_tokens,
        engine=engine,
        small=True,
    )
    office.tools = replace(office.tools, language=language)
    office.runtime = fakes.Runtime(office.tools, CHOSEN)
    return office


def prefix_of(office: Office, document: Document) -> tuple[int, ...]:
    engine = office.tools.language.engine
    whole = documents.whole(document.id, office.tools.language, "")
    assert engine is not None
    assert whole is not None
    prompt = engine.prompt(documents.beginning(whole))
    return prompt.tokens[: prompt.prefixes[-1]]


def text(paragraphs: int) -> str:
    lines = [
        f"In week {n} the harbour office counted {n * 7 + 3} ships and {n * 5 + 1} barges."
        for n in range(paragraphs)
    ]
    return "\n\n".join([FACT, *lines])


def holding(folder: Path, tokens: tuple[int, ...]) -> list[Path]:
    """Files that hold a state of these tokens."""
    needle = np.asarray(tokens, "<i4").tobytes()
    return [file for file in folder.rglob("*") if file.is_file() and needle in file.read_bytes()]


def written(folder: Path, tokens: tuple[int, ...]) -> None:
    deadline = time.monotonic() + 60
    while not holding(folder, tokens):
        assert time.monotonic() < deadline, "the state is not written"
        time.sleep(0.02)


QUESTIONS = ("For how many days was the lamp dark?", "And after which fire?")


@pytest.mark.model
def test_a_first_question_finds_the_document_computed_and_deletion_leaves_nothing(
    real: Engine, kv: Path, collection: str, model_file: Path
) -> None:
    office = staffed(real)
    document = read(office, collection, text(20))
    tokens = prefix_of(office, document)
    assert not real.keeps(tokens)
    ours = Warmer(office.tools.language, CHOSEN, lambda: False)
    assert ours.warm(real)
    assert not ours.warm(real)
    assert real.keeps(tokens)
    assert document.id in real.sources()
    written(kv, tokens)

    conversation, cached = None, list[int]()
    for question in QUESTIONS:
        asked = submit.question(Scope(collection, document.id), question, conversation)
        conversation = asked.params["conversation_id"]
        office.work()
        result = jobs.get(asked.id).result
        assert result is not None
        assert result["searched"]["whole"] is True
        cached.append(result["usage"]["cached_tokens"])
    assert cached[0] >= len(tokens)
    assert cached[1] > cached[0]  # the first question too

    again = loaded(model_file, kv)  # as after a restart
    try:
        assert again.keeps(tokens)
    finally:
        again.close()

    submit.delete_document(document.id)
    office.work()
    office.runtime._look_around()
    assert not real.keeps(tokens)
    assert holding(kv, tokens) == []
    deadline = time.monotonic() + 20
    while real.sources():  # slots are emptied by the engine's own thread
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.model
def test_work_that_comes_ends_the_computing_and_what_is_done_stays(
    real: Engine, collection: str
) -> None:
    office = staffed(real)
    document = read(office, collection, text(40))
    tokens = prefix_of(office, document)
    looks = iter(range(2))
    ours = Warmer(office.tools.language, CHOSEN, lambda: next(looks, None) is None)
    assert not ours.warm(real)
    assert not real.keeps(tokens)
    before = real.load().cached_tokens
    ours = Warmer(office.tools.language, CHOSEN, lambda: False)
    assert ours.warm(real)
    assert real.keeps(tokens)
    assert real.load().cached_tokens - before > len(tokens) // 3


@pytest.mark.model
def test_a_worker_that_was_away_forgets_when_it_comes_back(
    model_file: Path, kv: Path, collection: str
) -> None:
    engine = loaded(model_file, kv)
    office = staffed(engine)
    document = read(office, collection, text(5))
    tokens = prefix_of(office, document)
    assert Warmer(office.tools.language, CHOSEN, lambda: False).warm(engine)
    written(kv, tokens)
    engine.close()

    Office(office.index).work(submit.delete_document(document.id))  # elsewhere
    assert holding(kv, tokens)
    back = loaded(model_file, kv)
    try:
        staffed(back).runtime._look_around()
        assert holding(kv, tokens) == []
        assert not back.keeps(tokens)
    finally:
        back.close()
