"""Many sequences over one real context: batching, lanes, cancelling, sharing, failing apart."""

import ctypes
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engines import (
    PROFILE,
    asked,
    assert_greedy,
    native_threads,
    opened,
    text_of,
    tokens_of,
    until,
    usage_of,
)

from workers.engine import policy
from workers.engine.context import Row
from workers.engine.engine import Engine
from workers.engine.grammar import GrammarRefused
from workers.engine.requests import Request, Sampling
from workers.engine.scheduler import WEDGED_SECONDS
from workers.engine.slots import MOVE_WORTH_TOKENS
from workers.engine.template import Message
from workers.errors import EngineStopped, PromptTooLong
from workers.states import Lane

pytestmark = pytest.mark.model

#: Never ends by itself, so that a test says when.
ENDLESS = Sampling(grammar='root ::= "ab" root')


def words(name: str, count: int) -> str:
    """Text that no other test has."""
    return " ".join(f"{name} {number}" for number in range(count))


@dataclass
class Steps:
    """What was decoded: for each step the rows of people and of the background."""

    people: list[int]
    background: list[int]
    streams: list[int]

    def __len__(self) -> int:
        return len(self.streams)


@pytest.fixture
def steps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Records the engine's steps; afterwards nothing may be left in it."""
    seen = Steps([], [], [])
    decode, scheduler = engine._streams.decode, engine._scheduler

    def recording(rows: list[Row]) -> bool:
        people = {one.slot.number for one in scheduler._active if one.interactive}
        count = sum(row.sequence in people for row in rows)
        seen.people.append(count)
        seen.background.append(len(rows) - count)
        seen.streams.append(len({row.sequence for row in rows}))
        assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
        return decode(rows)

    monkeypatch.setattr(engine._streams, "decode", recording)
    yield seen
    until(lambda: not scheduler._active and not scheduler._waiting)
    assert scheduler._slots.free == engine._streams.count


def test_sequences_are_decoded_together_and_counted_apart(engine: Engine, steps: Steps) -> None:
    alone = text_of(engine.generate(asked(engine, "Name a colour.")))
    answers = [engine.generate(asked(engine, f"Name {n} rivers.")) for n in range(3)]
    answers.append(engine.generate(asked(engine, "Name a colour.")))
    texts = [text_of(answer) for answer in answers]
    assert texts[-1] == alone
    assert max(steps.streams) > 1
    for answer, text in zip(answers, texts, strict=True):
        assert answer.finish is not None
        usage = answer.finish.usage
        assert usage.prompt_tokens == len(answer.request.prompt)
        assert usage.completion_tokens <= 8
        assert engine.count_tokens(text) <= usage.completion_tokens
        assert min(usage.queue_seconds, usage.prefill_seconds, usage.decode_seconds) >= 0


def test_length_counts_tokens_exactly(engine: Engine, steps: Steps) -> None:
    answer = engine.generate(asked(engine, "Go.", sampling=ENDLESS, max_tokens=5))
    text = text_of(answer)
    assert answer.finish is not None
    assert answer.finish.reason == "length"
    assert answer.finish.usage.completion_tokens == 5
    assert set(text) == {"a", "b"}
    assert list(answer) == []


def test_a_stop_string_ends_it_and_is_not_told(engine: Engine, steps: Steps) -> None:
    request = asked(engine, "Go.", sampling=ENDLESS, max_tokens=50, stop=("ba",))
    answer = engine.generate(request)
    assert text_of(answer) == "a"
    assert answer.finish is not None
    assert answer.finish.reason == "stop"


def test_seeds_repeat_and_differ(engine: Engine, steps: Steps) -> None:
    def sampled(seed: int) -> str:
        warm = Sampling(temperature=1.5, seed=seed)
        return text_of(engine.generate(asked(engine, "Tell a story.", sampling=warm)))

    sampled(1)  # afterwards every prompt is computed alike: from the same KV
    texts = [sampled(seed) for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_cancelled_while_queued(engine: Engine, steps: Steps) -> None:
    running = [
        engine.generate(asked(engine, "Go.", sampling=ENDLESS, max_tokens=500)) for _ in range(4)
    ]
    lines = [iter(answer) for answer in running]
    for line in lines:
        next(line)
    queued = engine.generate(asked(engine, "Too late."))
    queued.cancel()
    assert text_of(queued) == ""
    assert queued.finish is not None
    assert queued.finish.reason == "cancelled"
    assert queued.finish.usage.completion_tokens == 0
    for line in lines:
        line.close()  # type: ignore[attr-defined]


def test_cancelled_while_prefilling(engine: Engine, steps: Steps) -> None:
    words = " ".join(f"word{number}" for number in range(400))
    flag = threading.Event()
    answer = engine.generate(asked(engine, words, cancelled=flag.is_set))
    until(lambda: len(steps) > 0)
    flag.set()
    begun = len(steps)
    assert text_of(answer) == ""
    assert answer.finish is not None
    assert answer.finish.reason == "cancelled"
    assert len(steps) <= begun + 2


def test_cancelled_while_decoding_by_leaving_the_iterator(engine: Engine, steps: Steps) -> None:
    answer = engine.generate(asked(engine, "Go.", sampling=ENDLESS, max_tokens=500))
    for _ in answer:
        break
    begun = len(steps)
    until(lambda: engine._scheduler._slots.free == engine._streams.count)
    assert len(steps) <= begun + 3
    again = engine.generate(asked(engine, "Go.", sampling=ENDLESS, max_tokens=5))
    assert set(text_of(again)) == {"a", "b"}


def test_a_person_comes_first_and_the_background_pauses(
    engine: Engine, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "STARVATION_FLOOR", 1e9)
    jobs = [
        engine.generate(asked(engine, f"Go {n}.", sampling=ENDLESS, max_tokens=30))
        for n in range(4)
    ]
    lines = [iter(job) for job in jobs]
    for line in lines:
        next(line)
    begun = len(steps)
    chat = engine.generate(asked(engine, "Hello?", lane=Lane.INTERACTIVE))
    first = next(iter(chat))
    assert first
    assert all(job.finish is None for job in jobs)
    until(lambda: not any(one.interactive for one in engine._scheduler._active))
    with_people = [n for n, rows in enumerate(steps.people) if rows and n >= begun]
    assert with_people[0] <= begun + 1
    assert not any(steps.background[n] for n in with_people)
    assert with_people == list(range(with_people[0], with_people[-1] + 1))
    for line in lines:
        assert "".join(line)


def test_people_never_wait_for_a_slot_behind_the_background(engine: Engine, steps: Steps) -> None:
    jobs = [
        engine.generate(asked(engine, "Go.", sampling=ENDLESS, max_tokens=25)) for _ in range(6)
    ]
    until(lambda: len(engine._scheduler._active) == 4)
    chats = [engine.generate(asked(engine, "Hi?", lane=Lane.INTERACTIVE)) for _ in range(2)]
    for chat in chats:
        text_of(chat)
    assert sum(job.finish is None for job in jobs) == 6
    for job in jobs:
        assert text_of(job)


def test_a_shared_prefix_is_computed_once(engine: Engine, steps: Steps) -> None:
    system = Message("system", "A prefix of this test alone, for the sake of counting. " * 3)
    (prefix,) = engine.prompt([system, Message("user", "x")]).prefixes
    cached = []
    for text in ("First of all?", "What else is there?", "And finally?"):
        prompt = engine.prompt([system, Message("user", text)])
        request = Request(prompt.tokens, max_tokens=1, prefixes=prompt.prefixes)
        cached.append(usage_of(engine.generate(request)).cached_tokens)
    assert cached[0] < prefix
    assert min(cached[1:]) >= prefix


def test_four_who_ask_at_once_about_a_document_compute_it_once(
    engine: Engine, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small pieces may leave an end too short to be waited for.
    monkeypatch.setattr(policy, "EXPECTING", 0.0)
    document = words("flight", 100)
    before = engine.load()
    requests = [asked(engine, f" Question {n}?", document) for n in range(4)]
    answers = [engine.generate(request) for request in requests]
    usages = [usage_of(answer) for answer in answers]
    length = requests[0].prefixes[-1]
    assert sum(usage.cached_tokens >= length for usage in usages) == 3
    own = sum(len(request.prompt) - length for request in requests)
    assert engine.load().prefill_tokens - before.prefill_tokens <= length + own
    for request, answer in zip(requests, answers, strict=True):
        assert answer.finish is not None
        assert answer.finish.usage.prompt_tokens == len(request.prompt)


def test_who_waits_for_a_prefix_does_not_wait_for_one_who_gave_up(
    engine: Engine, steps: Steps
) -> None:
    document = words("abandoned", 120)
    first = engine.generate(asked(engine, " First?", document))
    until(lambda: engine.load().background == 1)
    second = engine.generate(asked(engine, " Second?", document))
    first.cancel()
    assert text_of(second)
    assert text_of(first) == "" or first.finish is not None


def test_no_tokens_asked_keeps_the_prefix_and_ends(engine: Engine, steps: Steps) -> None:
    document = words("warm", 100)
    warm = asked(engine, "", document)
    length = warm.prefixes[-1]
    warm = replace(warm, prompt=warm.prompt[:length], max_tokens=0)
    for cached in (warm.prefixes[0], length):
        answer = engine.generate(warm)
        assert text_of(answer) == ""
        assert answer.finish is not None
        assert answer.finish.reason == "length"
        assert answer.finish.usage.completion_tokens == 0
        assert answer.finish.usage.cached_tokens <= cached
        assert engine.keeps(warm.prompt)
    assert answer.finish.usage.cached_tokens == length
    request = asked(engine, " Why?", document)
    answer = engine.generate(request)
    said = text_of(answer)
    assert usage_of(answer).cached_tokens == length
    assert_greedy(engine, request, tokens_of(engine, said))


def test_a_prompt_in_a_slot_is_kept_when_that_is_asked(engine: Engine, steps: Steps) -> None:
    document = words("held", 60)
    request = replace(asked(engine, "", document), prefixes=())
    usage_of(engine.generate(request))
    warm = asked(engine, "", document)
    warm = replace(warm, prompt=warm.prompt[: warm.prefixes[-1]], max_tokens=0)
    assert not engine.keeps(warm.prompt)
    assert usage_of(engine.generate(warm)).cached_tokens == len(warm.prompt) - 1
    assert engine.keeps(warm.prompt)


@pytest.mark.parametrize("text", ["Where is the sea?", "海在哪裡？請用中文回答。"])
def test_the_next_turn_finds_the_answer_too(engine: Engine, steps: Steps, text: str) -> None:
    talk = [Message("system", "Answer briefly."), Message("user", text)]
    held = 0
    for turn in range(3):
        prompt = engine.prompt(talk)
        request = Request(prompt.tokens, max_tokens=24, prefixes=prompt.prefixes)
        answer = engine.generate(request)
        said = text_of(answer)
        assert usage_of(answer).cached_tokens >= held
        written = tokens_of(engine, said)
        assert_greedy(engine, request, written)
        held = len(prompt.tokens) + len(written) - 1  # the last one was never decoded
        talk += [Message("assistant", said), Message("user", f"{text} {turn}")]


def test_documents_are_forgotten_where_they_lie(engine: Engine, steps: Steps) -> None:
    document, source = words("secret", 60), frozenset({"doc_secret"})
    request = asked(engine, " What?", document, sources=source, durable=True)
    usage_of(engine.generate(request))
    usage_of(engine.generate(asked(engine, "Something else?")))
    until(lambda: engine.load().disk_bytes > 0)
    assert "doc_secret" in engine.sources()
    engine.forget(source)
    until(lambda: "doc_secret" not in engine.sources())
    assert engine.load().disk_bytes == 0
    assert not engine.keeps(request.prompt[: request.prefixes[-1]])
    again = usage_of(engine.generate(replace(request, sources=frozenset())))
    assert again.cached_tokens <= request.prefixes[0]


def test_what_is_being_answered_is_forgotten_afterwards(engine: Engine, steps: Steps) -> None:
    source = frozenset({"doc_busy"})
    answer = engine.generate(asked(engine, "Go.", sampling=ENDLESS, max_tokens=40, sources=source))
    line = iter(answer)
    next(line)
    engine.forget(source)
    assert list(line)
    until(lambda: engine.sources() >= source)
    engine.forget(source)
    until(lambda: not engine.sources() & source)


def test_a_decode_without_end_is_noticed(engine: Engine) -> None:
    scheduler = engine._scheduler
    assert engine.alive
    scheduler._decoding_since = time.monotonic() - WEDGED_SECONDS / 2
    assert engine.alive
    scheduler._decoding_since = time.monotonic() - WEDGED_SECONDS - 1
    assert not engine.alive
    scheduler._decoding_since = 0.0
    assert engine.alive


def test_answers_of_the_same_length_for_measuring(engine: Engine, steps: Steps) -> None:
    endless = Sampling(ignore_eos=True)
    requests = [asked(engine, f"{n}?", sampling=endless, max_tokens=30) for n in ("Who", "Why")]
    answers = [engine.generate(request) for request in requests]
    for request, answer in zip(requests, answers, strict=True):
        said = text_of(answer)
        assert usage_of(answer).completion_tokens == 30
        assert answer.finish is not None
        assert answer.finish.reason == "length"
        written = tokens_of(engine, said)
        assert len(written) == 30
        assert_greedy(engine, request, written)


def test_bad_requests_concern_nobody_else(engine: Engine, steps: Steps) -> None:
    good = asked(engine, "Name a colour.")
    expected = text_of(engine.generate(good))
    running = engine.generate(good)
    with pytest.raises(GrammarRefused):
        engine.generate(asked(engine, "x", sampling=Sampling(grammar="root ::= (")))
    with pytest.raises(PromptTooLong) as refused:
        engine.generate(asked(engine, "x", max_tokens=engine.context_tokens))
    assert refused.value.details["limit"] == engine.context_tokens
    with pytest.raises(ValueError, match="empty"):
        engine.generate(Request((), max_tokens=1))
    odd: Any = "not a number"
    with pytest.raises(ctypes.ArgumentError):
        engine.generate(asked(engine, "x", sampling=Sampling(seed=odd, temperature=1.0)))
    assert text_of(running) == expected


def test_a_failed_decode_fails_its_sequences_and_no_more(
    engine: Engine, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = asked(engine, "Name a colour.")
    expected = text_of(engine.generate(good))
    decode = engine._streams.decode

    def failing(rows: list[Row]) -> bool:
        monkeypatch.setattr(engine._streams, "decode", decode)
        raise EngineStopped(reason="a test")

    monkeypatch.setattr(engine._streams, "decode", failing)
    with pytest.raises(EngineStopped):
        text_of(engine.generate(good))
    assert engine.alive
    again = engine.generate(good)
    assert text_of(again) == expected


def test_the_load_adds_up(engine: Engine, steps: Steps) -> None:
    before = engine.load()
    answers = [engine.generate(asked(engine, f"Sum {n}.")) for n in range(3)]
    usages = [usage_of(answer) for answer in answers]
    until(lambda: engine.idle)
    load = engine.load()
    assert load.written_tokens - before.written_tokens == sum(u.completion_tokens for u in usages)
    cached = sum(usage.cached_tokens for usage in usages)
    assert load.cached_tokens - before.cached_tokens == cached
    prefilled = load.prefill_tokens - before.prefill_tokens
    assert prefilled == sum(usage.prompt_tokens for usage in usages) - cached
    assert load.steps - before.steps == len(steps)
    assert (load.interactive, load.background, load.waiting) == (0, 0, 0)
    assert load.slots == engine._streams.count


@pytest.fixture
def small(model_file: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = opened(model_file, tmp_path, context=300, batch_slots=1, interactive_slots=0)
    yield engine
    engine.close()


def test_closing_fails_what_is_unfinished(small: Engine) -> None:
    answers = [
        small.generate(asked(small, "Go.", sampling=ENDLESS, max_tokens=200)) for _ in range(3)
    ]
    lines = [iter(answer) for answer in answers]
    next(lines[0])
    small.close()
    for line in lines:
        with pytest.raises(EngineStopped):
            list(line)
    assert not small.alive
    small.close()
    closed: list[bool] = []
    refused: Any = SimpleNamespace(close=lambda: closed.append(True))
    with pytest.raises(EngineStopped):
        small._scheduler.submit(refused)
    assert closed


def test_a_full_context_is_used_to_the_last_token(small: Engine) -> None:
    request = asked(small, "word " * 250, sampling=ENDLESS)
    left = small.context_tokens - len(request.prompt)
    answer = small.generate(replace(request, max_tokens=left))
    text_of(answer)
    assert answer.finish is not None
    assert answer.finish.usage.completion_tokens == left


@pytest.fixture
def fine(model_file: Path, tmp_path: Path) -> Iterator[Engine]:
    """Computes in small pieces, so that much is done when somebody interrupts."""
    profile = replace(PROFILE, ubatch_tokens=64)
    engine = opened(model_file, tmp_path, profile=profile)
    yield engine
    engine.close()


def test_a_person_interrupts_a_prefill_and_nothing_is_lost(fine: Engine) -> None:
    jobs = [
        asked(fine, " Which one comes last?", words(f"document{n}", 100), max_tokens=12)
        for n in range(2)
    ]
    answers = [fine.generate(job) for job in jobs]
    until(lambda: bool(fine._scheduler._decoding_since))
    chat = asked(fine, "Hello?", lane=Lane.INTERACTIVE)
    person = fine.generate(chat)
    said = text_of(person)
    assert all(answer.finish is None for answer in answers)
    assert_greedy(fine, chat, tokens_of(fine, said))
    for job, answer in zip(jobs, answers, strict=True):
        assert_greedy(fine, job, tokens_of(fine, text_of(answer)))
    load = fine.load()
    assert load.preemptions == 1
    # At most one piece is computed twice.
    needed = sum(usage_of(one).prompt_tokens - usage_of(one).cached_tokens for one in answers)
    needed += usage_of(person).prompt_tokens - usage_of(person).cached_tokens
    assert load.prefill_tokens <= needed
    assert all(fine.keeps(job.prompt[: job.prefixes[-1]]) for job in jobs)


def test_a_cancellation_is_seen_in_the_middle_of_a_step(fine: Engine) -> None:
    flag = threading.Event()
    job = asked(fine, " Which one comes last?", words("document", 100), max_tokens=12)
    gone = fine.generate(replace(asked(fine, words("gone", 120)), cancelled=flag.is_set))
    kept = fine.generate(job)
    until(lambda: bool(fine._scheduler._decoding_since))
    flag.set()
    fine.see_cancelled()
    assert text_of(gone) == ""
    assert gone.finish is not None
    assert gone.finish.reason == "cancelled"
    assert fine.load().prefill_tokens < len(job.prompt)
    assert fine.load().preemptions == 1
    assert_greedy(fine, job, tokens_of(fine, text_of(kept)))


def test_many_interruptions_change_nothing(fine: Engine) -> None:
    job = asked(fine, " Which one comes last?", words("document", 120), max_tokens=12)
    answer = fine.generate(job)
    for number in range(4):
        until(lambda: bool(fine._scheduler._decoding_since) or answer.finish is not None)
        text_of(fine.generate(asked(fine, f"{number}?", max_tokens=1, lane=Lane.INTERACTIVE)))
    assert_greedy(fine, job, tokens_of(fine, text_of(answer)))
    assert fine.load().preemptions >= 1
    assert usage_of(answer).cached_tokens == 0
    assert fine.keeps(job.prompt[: job.prefixes[-1]])


def test_a_prefix_that_an_interruption_ends_at_is_kept(
    fine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = asked(fine, " Why?", words("edge", 60))
    decode, done = fine._streams.decode, job.prefixes[-1]

    def interrupted(rows: list[Row]) -> bool:
        assert decode(rows)
        if rows[-1].position + 1 < done:
            return True
        monkeypatch.setattr(fine._streams, "decode", decode)
        return False

    monkeypatch.setattr(fine._streams, "decode", interrupted)
    answer = fine.generate(job)
    assert_greedy(fine, job, tokens_of(fine, text_of(answer)))
    assert fine.keeps(job.prompt[:done])
    assert fine.load().preemptions == 1


def test_interrupted_while_it_writes(fine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    job = asked(fine, "Why are levees built?", max_tokens=16)
    decode, count = fine._streams.decode, iter(range(1000))

    def interrupted(rows: list[Row]) -> bool:
        return next(count) % 3 != 2 and decode(rows)

    monkeypatch.setattr(fine._streams, "decode", interrupted)
    answer = fine.generate(job)
    written = tokens_of(fine, text_of(answer))
    assert usage_of(answer).completion_tokens == len(written)
    assert_greedy(fine, job, written)


def test_an_engine_that_rests_keeps_no_threads_of_openmp(model_file: Path, tmp_path: Path) -> None:
    before = native_threads()

    def own() -> int:
        return len(native_threads() - before)

    # With lanes of their own who loads the model computes as well.
    two = replace(PROFILE, threads=2, prefill_threads=2, batch_flash_attention=True)
    loaded = opened(model_file, tmp_path, profile=two, prefix_disk_mb=0)
    until(lambda: own() == 1)
    answer = loaded.generate(asked(loaded, "Count.", sampling=ENDLESS, max_tokens=200))
    until(lambda: own() == 2)
    answer.cancel()
    until(lambda: own() == 1)
    loaded.close()


def test_talks_that_take_turns_go_on_where_they_were(fine: Engine) -> None:
    talks = [
        [Message("system", "Answer."), Message("user", words(f"talk{n}", 20))] for n in range(5)
    ]
    held: dict[int, int] = {}
    for turn in range(3):
        for number, talk in enumerate(talks):
            prompt = fine.prompt(talk)
            answer = fine.generate(Request(prompt.tokens, 4, prompt.prefixes))
            said = text_of(answer)
            assert usage_of(answer).cached_tokens > held.get(number, 0) - MOVE_WORTH_TOKENS
            held[number] = len(prompt.tokens) + usage_of(answer).completion_tokens - 1
            talk += [Message("assistant", said), Message("user", f"And {turn}?")]


def test_a_restarted_engine_finds_documents_on_the_disk(model_file: Path, tmp_path: Path) -> None:
    document = words("archive", 60)
    first = opened(model_file, tmp_path)
    request = asked(first, " Why?", document, durable=True, sources=frozenset({"doc_1"}))
    length = request.prefixes[-1]
    usage_of(first.generate(request))
    first.close()
    second = opened(model_file, tmp_path)
    assert second.keeps(request.prompt[:length])
    assert second.sources() == {"doc_1"}
    other = asked(second, " Where?", document)
    answer = second.generate(other)
    said = text_of(answer)
    assert usage_of(answer).cached_tokens == length
    assert_greedy(second, other, tokens_of(second, said))
    second.close()
    # With another layout of KV the states are no use, but a deletion still reaches them.
    changed = opened(model_file, tmp_path, profile=replace(PROFILE, flash_attention=True))
    assert not changed.keeps(request.prompt[:length])
    assert changed.sources() == {"doc_1"}
    changed.forget(frozenset({"doc_1"}))
    assert changed.sources() == frozenset()
    changed.close()


def test_what_was_forgotten_is_not_found_after_a_restart(model_file: Path, tmp_path: Path) -> None:
    first = opened(model_file, tmp_path)
    request = asked(
        first, " Why?", words("gone", 60), durable=True, sources=frozenset({"doc_1", "doc_2"})
    )
    usage_of(first.generate(request))
    first.forget(frozenset({"doc_2"}))  # it may still be on its way to the disk
    first.close()
    second = opened(model_file, tmp_path)
    assert second.sources() == frozenset()
    assert not list(tmp_path.glob("*/*.kv"))
    second.close()
