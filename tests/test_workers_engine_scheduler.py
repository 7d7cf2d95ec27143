"""Many sequences over one real context: batching, lanes, cancelling, sharing, failing apart."""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workers.engine import policy
from workers.engine.context import Row
from workers.engine.engine import Engine
from workers.engine.grammar import GrammarRefused
from workers.engine.requests import Request, Sampling
from workers.engine.sequence import Answer
from workers.engine.template import Message
from workers.errors import EngineStopped, PromptTooLong
from workers.jobs import Lane
from workers.settings import Settings

pytestmark = pytest.mark.model

#: Never ends by itself, so that a test says when.
ENDLESS = Sampling(grammar='root ::= "ab" root')
GIVE_UP_SECONDS = 120


def asked(engine: Engine, text: str, **changed: Any) -> Request:
    prompt = engine.prompt([Message("system", "Answer briefly."), Message("user", text)])
    return replace(Request(prompt.tokens, max_tokens=8, lane=Lane.BATCH), **changed)


def text_of(answer: Answer) -> str:
    return "".join(answer)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


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
    decode, scheduler = engine._context.decode, engine._scheduler

    def recording(rows: list[Row]) -> None:
        people = {one.slot.number for one in scheduler._active if one.interactive}
        count = sum(row.sequence in people for row in rows)
        seen.people.append(count)
        seen.background.append(len(rows) - count)
        seen.streams.append(len({row.sequence for row in rows}))
        assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
        decode(rows)

    monkeypatch.setattr(engine._context, "decode", recording)
    yield seen
    until(lambda: not scheduler._active and not scheduler._waiting)
    assert scheduler._slots.free == engine._context.shape.sequences


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
    until(lambda: engine._scheduler._slots.free == engine._context.shape.sequences)
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

    def ask(text: str) -> Answer:
        prompt = engine.prompt([system, Message("user", text)])
        answer = engine.generate(
            Request(prompt.tokens, max_tokens=1, prefix_tokens=prompt.prefix_tokens)
        )
        text_of(answer)
        return answer

    prefix = engine.prompt([system, Message("user", "x")]).prefix_tokens
    cached = []
    for text in ("First of all?", "What else is there?", "And finally?"):
        answer = ask(text)
        assert answer.finish is not None
        cached.append(answer.finish.usage.cached_tokens)
    assert cached[0] < prefix
    assert min(cached[1:]) >= prefix


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
    decode = engine._context.decode

    def failing(rows: list[Row]) -> None:
        monkeypatch.setattr(engine._context, "decode", decode)
        raise EngineStopped(reason="a test")

    monkeypatch.setattr(engine._context, "decode", failing)
    with pytest.raises(EngineStopped):
        text_of(engine.generate(good))
    assert engine.alive
    again = engine.generate(good)
    assert text_of(again) == expected


@pytest.fixture
def small(model_file: Path) -> Iterator[Engine]:
    chosen = Settings(
        context=300, batch_slots=1, interactive_slots=0, threads=1, flash_attention="on"
    )
    engine = Engine(model_file, chosen)
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
