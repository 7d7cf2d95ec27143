"""Who takes part in a step: people first, the background when nobody waits or it starves."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from workers.engine import policy
from workers.engine.drafter import Drafter
from workers.engine.policy import (
    EXPECTING,
    EXPECTING_CHUNK,
    FLOOR_CHUNK,
    SHARED_CHUNK,
    STARVATION_FLOOR,
    LanePolicy,
)
from workers.engine.requests import Request
from workers.engine.sequence import SHARED_TOKENS, Answer, Sequence
from workers.engine.slots import Slot
from workers.states import Lane

BATCH, INTERACTIVE = Lane.BATCH, Lane.INTERACTIVE
ROWS = 512


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(policy, "time", clock)
    return clock


@pytest.fixture
def ours(clock: Clock) -> LanePolicy:
    return LanePolicy(ROWS, Drafter((), ROWS))


def prefilling(lane: Lane, length: int = 1000, *stops: int) -> Sequence:
    sampler: Any = SimpleNamespace(close=lambda: None)
    request = Request(prompt=tuple(range(length)), max_tokens=9, lane=lane, prefixes=stops)
    sequence = Sequence(Answer(request), sampler, lambda _text, _tokens: None)
    sequence.place(Slot(0), stops)
    return sequence


def decoding(lane: Lane, *draft: int) -> Sequence:
    sequence = prefilling(lane, 3)
    sequence.tokens.extend(range(3))
    sequence.written.append(42)
    lookup: Any = SimpleNamespace(guess=lambda limit: draft[:limit])
    sequence.lookup = lookup
    return sequence


def planned(policy: LanePolicy, *active: Sequence) -> list[tuple[Sequence, int]]:
    return [(share.sequence, len(share.tokens)) for share in policy.plan(active).shares]


def test_the_background_pauses_while_people_wait(ours: LanePolicy) -> None:
    reader, job = decoding(INTERACTIVE), decoding(BATCH)
    assert planned(ours, job, reader) == [(reader, 1)]
    assert planned(ours, job) == [(job, 1)]
    assert planned(ours) == []


def test_only_the_backgrounds_own_steps_may_be_interrupted(ours: LanePolicy, clock: Clock) -> None:
    reader, job = decoding(INTERACTIVE), prefilling(BATCH)
    assert ours.plan([job]).interruptible
    assert not ours.plan([job, reader]).interruptible
    clock.now += STARVATION_FLOOR
    floor = ours.plan([job, reader])
    assert [share.sequence for share in floor.shares] == [job]
    assert not floor.interruptible


def test_the_background_takes_small_steps_while_another_person_is_expected(
    ours: LanePolicy, clock: Clock
) -> None:
    reader, job = decoding(INTERACTIVE), prefilling(BATCH)
    assert planned(ours, job) == [(job, ROWS)]
    planned(ours, job, reader)
    clock.now += EXPECTING / 2
    assert planned(ours, job) == [(job, EXPECTING_CHUNK)]
    clock.now += EXPECTING / 2
    assert planned(ours, job) == [(job, ROWS)]


def test_the_floor_is_a_small_step(ours: LanePolicy, clock: Clock) -> None:
    reader, jobs = decoding(INTERACTIVE), [prefilling(BATCH, 100), prefilling(BATCH)]
    assert planned(ours, *jobs, reader) == [(reader, 1)]
    clock.now += STARVATION_FLOOR
    assert planned(ours, *jobs, reader) == [(jobs[0], 100), (jobs[1], FLOOR_CHUNK - 100)]
    assert planned(ours, *jobs, reader) == [(reader, 1)]
    writers = [decoding(BATCH), decoding(BATCH)]
    assert planned(ours, *writers, reader) == [(reader, 1)]
    clock.now += STARVATION_FLOOR
    assert planned(ours, *writers, reader) == [(writers[0], 1), (writers[1], 1)]


def test_a_floor_step_longer_than_its_period_does_not_starve_people(
    ours: LanePolicy, clock: Clock
) -> None:
    reader, job = decoding(INTERACTIVE), prefilling(BATCH)
    assert planned(ours, job, reader) == [(reader, 1)]
    clock.now += STARVATION_FLOOR
    assert planned(ours, job, reader) == [(job, FLOOR_CHUNK)]
    clock.now += 3 * STARVATION_FLOOR  # so long it takes
    assert planned(ours, job, reader) == [(reader, 1)]
    clock.now += STARVATION_FLOOR / 2
    assert planned(ours, job, reader) == [(reader, 1)]
    clock.now += STARVATION_FLOOR / 2
    assert planned(ours, job, reader) == [(job, FLOOR_CHUNK)]


def test_background_that_has_just_come_is_not_starving(ours: LanePolicy, clock: Clock) -> None:
    reader, job = decoding(INTERACTIVE), prefilling(BATCH)
    for _ in range(3):
        clock.now += STARVATION_FLOOR
        assert planned(ours, reader) == [(reader, 1)]
    assert planned(ours, reader, job) == [(reader, 1)]


def test_after_a_quiet_time_a_person_goes_first(ours: LanePolicy, clock: Clock) -> None:
    job, reader = prefilling(BATCH), prefilling(INTERACTIVE, 100)
    planned(ours, job)
    clock.now += 10 * STARVATION_FLOOR
    assert planned(ours, job, reader) == [(reader, 100)]


def test_prompts_share_a_step_in_the_order_they_came(ours: LanePolicy) -> None:
    for lane in (BATCH, INTERACTIVE):
        first, second, third = (prefilling(lane, 300) for _ in range(3))
        assert planned(ours, first, second, third) == [(first, 300), (second, ROWS - 300)]


def test_in_the_background_prompts_go_before_last_tokens(ours: LanePolicy) -> None:
    writer, newcomer = decoding(BATCH), prefilling(BATCH)
    assert planned(ours, writer, newcomer) == [(newcomer, ROWS)]


def test_a_new_prompt_advances_in_small_pieces_beside_a_reader(ours: LanePolicy) -> None:
    reader, newcomer = decoding(INTERACTIVE), prefilling(INTERACTIVE)
    assert planned(ours, newcomer, reader) == [(reader, 1), (newcomer, SHARED_CHUNK)]


def test_a_piece_ends_where_a_prefix_is_kept(ours: LanePolicy) -> None:
    sequence = prefilling(BATCH, 1000, 30, 200)
    for length in (30, 170, ROWS, 1000 - 200 - ROWS):
        assert planned(ours, sequence) == [(sequence, length)]
        sequence.tokens.extend(sequence.request.prompt[len(sequence.tokens) :][:length])


@pytest.mark.parametrize("lane", [BATCH, INTERACTIVE])
def test_all_that_write_get_equally_many_rows(lane: Lane, clock: Clock) -> None:
    drafter: Any = SimpleNamespace(rows=lambda writing: 1 + len(writing))
    ours = LanePolicy(ROWS, drafter)
    writers = [decoding(lane, 7, 8, 9), decoding(lane, 7), decoding(lane)]
    (share,) = ours.plan(writers[:1]).shares
    assert share.tokens == (42, 7)
    shares = ours.plan(writers).shares
    assert [share.tokens for share in shares] == [(42, 7, 8, 9), (42, 7, 42, 42), (42,) * 4]
    assert [writer.guessed for writer in writers] == [3, 1, 0]


def test_waits_for_a_prefix_that_another_computes_right_now() -> None:
    first, second = prefilling(BATCH, 1000, 30, 200), prefilling(BATCH, 900, 30, 200)
    assert first.will_share(second)
    assert not first.will_share(prefilling(BATCH, 900, 30, 300))  # 30 are not worth it
    other = prefilling(BATCH, 900, 200)
    other.request = replace(other.request, prompt=(*range(150), *range(1, 700)))
    assert not first.will_share(other)
    first.tokens.extend(range(200 - SHARED_TOKENS + 1))
    assert not first.will_share(second)  # soon there
