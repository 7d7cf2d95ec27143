"""Lanes in contexts of their own: each with its kernels, and one stock of kept states."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engines import PROFILE, asked, assert_greedy, opened, text_of, tokens_of, usage_of

from workers.engine import compose
from workers.engine.engine import Engine
from workers.engine.streams import Streams
from workers.states import Lane

pytestmark = pytest.mark.model
DOCUMENT = "The bridge over the river is 120 metres long and was opened in 1931. " * 8


@pytest.fixture(scope="module")
def engine(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Flash attention in the background only."""
    profile = replace(PROFILE, batch_flash_attention=True)
    loaded = opened(model_file, tmp_path_factory.mktemp("kv"), profile=profile)
    yield loaded
    loaded.close()


def streams(engine: Engine) -> Streams:
    return engine._streams


def test_each_lane_has_a_context_of_its_own(engine: Engine) -> None:
    batch, people = streams(engine)._contexts
    assert (batch.shape.sequences, people.shape.sequences) == (2, 1)
    assert (batch.shape.flash_attention, people.shape.flash_attention) == (True, False)
    assert streams(engine).count == 3


@pytest.mark.parametrize("first", [Lane.BATCH, Lane.INTERACTIVE])
def test_what_one_lane_computed_the_other_finds(engine: Engine, first: Lane) -> None:
    second = Lane.INTERACTIVE if first is Lane.BATCH else Lane.BATCH
    document = f"{first}: {DOCUMENT}"
    request = asked(engine, " When was it opened?", document, max_tokens=0, lane=first)
    usage_of(engine.generate(request))
    for lane in (first, second):
        other = asked(engine, f" How long is it, for {lane}?", document, lane=lane)
        answer = engine.generate(other)
        said = text_of(answer)
        assert usage_of(answer).cached_tokens >= other.prefixes[-1]
        assert_greedy(engine, other, tokens_of(engine, said))


def test_both_lanes_answer_at_the_same_time(engine: Engine) -> None:
    lanes = (Lane.BATCH, Lane.INTERACTIVE, Lane.BATCH, Lane.INTERACTIVE)
    requests = [
        asked(engine, f"Name colour number {number}.", lane=lane)
        for number, lane in enumerate(lanes)
    ]
    answers = [engine.generate(request) for request in requests]
    for request, answer in zip(requests, answers, strict=True):
        assert_greedy(engine, request, tokens_of(engine, text_of(answer)))


def test_a_state_that_is_turned_round_and_back_is_the_same(engine: Engine) -> None:
    usage_of(engine.generate(asked(engine, "Name a river.")))
    (context, *_) = streams(engine)._contexts
    state = context.save(0)
    there = compose.turned(state, 7, transposed=True)
    back = compose.turned(there, context.shape.sequences, transposed=False)
    assert compose.unpack(there).transposed
    assert np.array_equal(compose.unpack(back).values, compose.unpack(state).values)
    assert back.size == state.size
