"""Passages joined from kept states: keys turned to their place, nothing exact made approximate."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workers.engine import compose
from workers.engine.compose import Cells, NotJoinable, Rope
from workers.engine.engine import Engine
from workers.engine.requests import Request, Usage
from workers.engine.template import Message, Prompt
from workers.states import Lane

ROPE = Rope(base=10_000.0, dimensions=8, head=8, interleaved=True)
SYSTEM = Message("system", "You answer questions from what you are given, in its own words.")


def cells(count: int, *, transposed: bool, seed: int = 0) -> Cells:
    random = np.random.default_rng(seed)
    shape = (3, 16, count) if transposed else (3, count, 16)
    return Cells(
        random.normal(size=(3, count, 16)).astype("<f2"),
        random.normal(size=shape).astype("<f2"),
        transposed,
    )


def state(of: Cells, streams: int = 3) -> Any:
    head = np.zeros(1, compose.HEAD)
    head["magic"], head["streams"] = 0xABCD, streams
    return compose.pack(of, head)


@pytest.mark.parametrize("transposed", [True, False])
def test_what_is_packed_is_unpacked(transposed: bool) -> None:
    ours = cells(5, transposed=transposed)
    again = compose.unpack(state(ours))
    assert again.transposed == transposed
    assert np.array_equal(again.keys, ours.keys)
    assert np.array_equal(again.values, ours.values)


@pytest.mark.parametrize("transposed", [True, False])
def test_a_joined_state_holds_all(transposed: bool) -> None:
    left, right, last = (cells(count, transposed=transposed, seed=count) for count in (5, 7, 4))
    joined = compose.unpack(compose.join(state(left), [state(right), state(last)], 2, ROPE))
    along = 2 if transposed else 1
    assert joined.count == 12
    assert np.array_equal(np.take(joined.values, range(5), along), left.values)
    assert np.array_equal(
        np.take(joined.values, range(5, 10), along), right.values.take(range(2, 7), along)
    )
    assert np.allclose(joined.keys[:, 5:10], compose.turn(right.keys[:, 2:], 3, ROPE))
    assert np.allclose(joined.keys[:, 10:], compose.turn(last.keys[:, 2:], 8, ROPE))


@pytest.mark.parametrize("rope", [ROPE, replace(ROPE, interleaved=False, dimensions=4)])
def test_turning_there_and_back_changes_nothing(rope: Rope) -> None:
    keys = cells(4, transposed=False).keys
    there = compose.turn(keys, 700, rope)
    assert not np.allclose(there, keys, atol=0.1)
    assert np.allclose(compose.turn(there, -700, rope), keys, atol=0.01)


def test_odd_states_are_not_joined() -> None:
    ours = cells(5, transposed=True)
    with pytest.raises(NotJoinable):
        compose.unpack(state(ours)[:-4])
    with pytest.raises(NotJoinable):
        compose.join(state(ours), [state(cells(5, transposed=False))], 1, ROPE)
    with pytest.raises(NotJoinable):
        compose.join(state(ours), [state(ours)], 5, ROPE)
    empty = np.zeros(1, compose.HEAD)
    empty["streams"] = 2
    with pytest.raises(NotJoinable):
        compose.unpack(np.frombuffer(empty.tobytes() + bytes(8), np.uint8))


def test_models_that_turn_keys_otherwise_are_left_alone() -> None:
    told = {"general.architecture": "llama", "llama.attention.head_count": "9"}
    told |= {"llama.embedding_length": "576", "llama.rope.freq_base": "100000"}
    model: Any = SimpleNamespace(cuts=True, rope_type=0, metadata=told.get)
    assert compose.rope_of(model) == Rope(100_000.0, 64, 64, interleaved=True)
    told["llama.rope.scaling.type"] = "yarn"
    assert compose.rope_of(model) is None
    del told["llama.rope.scaling.type"]
    model.rope_type = 8
    assert compose.rope_of(model) is None
    model.rope_type, model.cuts = 0, False
    assert compose.rope_of(model) is None


def passage(number: int) -> str:
    return f"Report {number}: the bridge over the river was {number}00 metres long. " * 3


def asked(engine: Engine, *numbers: int) -> Prompt:
    parts = tuple(passage(number) for number in numbers)
    return engine.prompt([SYSTEM, Message("user", "How long was it?", parts)])


def answered(engine: Engine, request: Request) -> Usage:
    answer = engine.generate(request)
    "".join(answer)
    assert answer.finish is not None
    return answer.finish.usage


def kept_alone(engine: Engine, *numbers: int) -> None:
    for number in numbers:
        prompt = asked(engine, number)
        tokens = prompt.tokens[: prompt.prefixes[-1]]
        answered(engine, Request(tokens, 0, prefixes=prompt.prefixes, lane=Lane.BATCH))


@pytest.mark.model
def test_keys_of_the_first_layer_are_those_of_the_new_place(engine: Engine) -> None:
    """They depend on token and position alone: turned keys must be what computing would bring."""
    kept_alone(engine, 1, 2)
    prompt = asked(engine, 1, 2)
    usage = answered(engine, Request(prompt.tokens, 1, prompt.prefixes, passages=prompt.passages))
    begin, end = prompt.passages[0]
    assert usage.composed_tokens == end - begin
    assert usage.cached_tokens >= prompt.prefixes[-1] + usage.composed_tokens
    joined = compose.unpack(_state_of(engine, prompt.tokens, exact=False))
    answered(engine, Request(prompt.tokens, 1, prompt.prefixes))
    true = compose.unpack(_state_of(engine, prompt.tokens, exact=True))
    assert np.allclose(joined.keys[0, :end], true.keys[0, :end], atol=0.06)
    assert not np.allclose(joined.keys[-1, begin:end], true.keys[-1, begin:end], atol=0.06)


@pytest.mark.model
def test_who_asks_exactly_never_gets_what_was_joined(engine: Engine) -> None:
    kept_alone(engine, 3, 4)
    prompt = asked(engine, 3, 4)
    joined = Request(prompt.tokens, 1, prompt.prefixes, passages=prompt.passages)
    assert answered(engine, joined).composed_tokens
    exact = answered(engine, replace(joined, passages=()))
    assert exact.composed_tokens == 0
    assert exact.cached_tokens <= prompt.prefixes[-1]


@pytest.mark.model
def test_a_passage_that_begins_like_the_one_before_is_still_joined(engine: Engine) -> None:
    kept_alone(engine, 21, 22, 23)
    for numbers in ((21, 22), (21, 23)):
        prompt = asked(engine, *numbers)
        request = Request(prompt.tokens, 1, prompt.prefixes, passages=prompt.passages)
        begin, end = prompt.passages[0]
        assert answered(engine, request).composed_tokens == end - begin


@pytest.mark.model
def test_passages_without_a_state_are_computed_in_place_and_kept_for_the_next(
    engine: Engine,
) -> None:
    prompt = asked(engine, 5, 6)
    request = Request(prompt.tokens, 1, prompt.prefixes, passages=prompt.passages)
    assert answered(engine, request).composed_tokens == 0
    begin, end = prompt.passages[0]
    alone = prompt.tokens[: prompt.prefixes[0]] + prompt.tokens[begin:end]
    kept_alone(engine, 7)  # behind what was asked for in the background
    assert engine.keeps(alone)


def _state_of(engine: Engine, tokens: tuple[int, ...], *, exact: bool) -> Any:
    """The state of the slot that holds a prompt."""
    slots = engine._scheduler._slots._slots
    slot = next(
        one for one in slots if one.exact == exact and tuple(one.tokens[: len(tokens)]) == tokens
    )
    return engine._streams.save(slot.number)


@pytest.mark.model
def test_what_is_known_already_comes_first(engine: Engine) -> None:
    prompt = asked(engine, 13)
    tokens = prompt.tokens[: prompt.prefixes[-1]]
    answered(engine, Request(tokens, 0, prefixes=prompt.prefixes, lane=Lane.BATCH))
    parts = tuple(passage(number) for number in (11, 12, 13))
    messages = [SYSTEM, Message("user", "How long was it?", parts)]
    assert engine.cheapest_order(messages) == (2, 0, 1)
    assert engine.cheapest_order([SYSTEM, Message("user", "Hello?")]) == ()
