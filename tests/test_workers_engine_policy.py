"""Who takes part in a step: people first, the background when nobody waits or it starves."""

from types import SimpleNamespace
from typing import Any

import pytest

from workers.engine import policy
from workers.engine.policy import (
    BACKGROUND_CHUNK,
    INTERACTIVE_CHUNK,
    SHARED_CHUNK,
    STARVATION_FLOOR,
    LanePolicy,
)
from workers.engine.requests import Request
from workers.engine.sequence import Answer, Sequence
from workers.jobs import Lane

BATCH, INTERACTIVE = Lane.BATCH, Lane.INTERACTIVE


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(policy, "time", clock)
    return clock


def prefilling(lane: Lane, length: int = 1000, prefix: int = 0) -> Sequence:
    sampler: Any = SimpleNamespace(close=lambda: None)
    request = Request(prompt=tuple(range(length)), max_tokens=9, lane=lane, prefix_tokens=prefix)
    return Sequence(Answer(request), sampler)


def decoding(lane: Lane) -> Sequence:
    sequence = prefilling(lane, 3)
    sequence.tokens.extend(range(3))
    sequence.written.append(42)
    return sequence


def planned(policy: LanePolicy, *active: Sequence) -> list[tuple[Sequence, int]]:
    return [(share.sequence, len(share.tokens)) for share in policy.plan(active)]


def test_the_background_pauses_while_people_wait(clock: Clock) -> None:
    ours = LanePolicy()
    reader, job = decoding(INTERACTIVE), decoding(BATCH)
    assert planned(ours, job, reader) == [(reader, 1)]
    assert planned(ours, job) == [(job, 1)]
    assert planned(ours) == []


def test_the_background_gets_its_floor(clock: Clock) -> None:
    ours = LanePolicy()
    reader, job = decoding(INTERACTIVE), prefilling(BATCH)
    clock.now += STARVATION_FLOOR
    assert planned(ours, job, reader) == [(job, BACKGROUND_CHUNK)]
    assert planned(ours, job, reader) == [(reader, 1)]


def test_background_that_has_just_come_is_not_starving(clock: Clock) -> None:
    ours = LanePolicy()
    reader, job = decoding(INTERACTIVE), prefilling(BATCH)
    for _ in range(3):
        clock.now += STARVATION_FLOOR
        assert planned(ours, reader) == [(reader, 1)]
    assert planned(ours, reader, job) == [(reader, 1)]


def test_prompts_share_a_chunk_in_the_order_they_came(clock: Clock) -> None:
    ours = LanePolicy()
    first, second = prefilling(INTERACTIVE, 500), prefilling(INTERACTIVE, 500)
    assert planned(ours, first, second) == [(first, 500), (second, INTERACTIVE_CHUNK - 500)]
    jobs = [prefilling(BATCH, 100), prefilling(BATCH, 500), prefilling(BATCH, 500)]
    assert planned(ours, *jobs) == [(jobs[0], 100), (jobs[1], BACKGROUND_CHUNK - 100)]


def test_a_new_prompt_advances_in_small_pieces_beside_a_reader(clock: Clock) -> None:
    reader, newcomer = decoding(INTERACTIVE), prefilling(INTERACTIVE)
    assert planned(LanePolicy(), newcomer, reader) == [(reader, 1), (newcomer, SHARED_CHUNK)]


def test_a_chunk_ends_at_the_shared_prefix(clock: Clock) -> None:
    sequence = prefilling(BATCH, prefix=30)
    assert planned(LanePolicy(), sequence) == [(sequence, 30)]
    sequence.tokens.extend(range(30))
    assert planned(LanePolicy(), sequence) == [(sequence, BACKGROUND_CHUNK)]
