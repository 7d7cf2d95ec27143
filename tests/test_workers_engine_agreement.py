"""The engine computes what `llama_cpp.Llama` computes: same weights, forced onto the same tokens.

Batches of another shape use other kernels, so logits differ a little; a wrong position, row or
stream would differ by a lot.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import llama_cpp
import llama_cpp.llama_cpp as llama
import numpy as np
import pytest

from workers.engine import engine as engine_module
from workers.engine.context import Row
from workers.engine.engine import Engine
from workers.engine.model import Model
from workers.engine.requests import Request, Sampling
from workers.engine.sampler import Sampler
from workers.engine.sequence import Answer
from workers.states import Lane

pytestmark = pytest.mark.model

FORCED = 12  #: tokens
PROMPT = 420  #: tokens: more than one chunk of the background
PREFIX = 60
FARTHEST = 0.1  #: Kullback-Leibler divergence in nats; kernels differ by up to 0.03, measured


class Forcing(Sampler):
    """Keeps the logits of each step and answers what `tokens` says."""

    tokens: tuple[int, ...] = ()
    seen: ClassVar[dict[int, list[Any]]] = {}

    def __init__(self, model: Model, sampling: Sampling) -> None:
        super().__init__(model, sampling)
        self._key, self._size = sampling.seed, model.vocab_size

    def sample(self, context: object, row: int) -> int:
        if not self._key:
            return super().sample(context, row)
        rows = self.seen.setdefault(self._key, [])
        rows.append(logits(context, row, self._size))
        return self.tokens[len(rows) - 1]


def logits(context: object, row: int, size: int) -> Any:
    pointer = llama.llama_get_logits_ith(context, row)
    return np.ctypeslib.as_array(pointer, (size,)).astype(np.float64)


@pytest.fixture(scope="module")
def prompt(engine: Engine) -> tuple[int, ...]:
    report = Path(__file__).parent.parent / "samples/sources/northbank-water-annual-report.md"
    return tuple(engine.model.tokens(report.read_text())[:PROMPT])


@pytest.fixture(scope="module")
def reference(engine: Engine, prompt: tuple[int, ...]) -> list[Any]:
    """Logits after the prompt and after each token that greedy decoding chooses."""
    model = llama_cpp.Llama(
        str(engine.model.path),
        n_ctx=PROMPT + FORCED,
        n_threads=engine._streams._contexts[0].shape.threads,
        n_threads_batch=engine._streams._contexts[0].shape.threads,
        flash_attn=False,
        verbose=False,
    )
    rows: list[Any] = []
    model.eval(prompt)
    for _ in range(FORCED):
        rows.append(logits(model.ctx, -1, engine.model.vocab_size))
        model.eval([int(rows[-1].argmax())])
    model.close()
    return rows


@pytest.fixture(autouse=True)
def _forcing(reference: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Forcing.tokens = tuple(int(row.argmax()) for row in reference)
    monkeypatch.setattr(engine_module, "Sampler", Forcing)
    yield
    Forcing.seen.clear()


def ask(engine: Engine, prompt: tuple[int, ...], key: int, *prefixes: int) -> Answer:
    return engine.generate(
        Request(
            prompt,
            max_tokens=FORCED,
            prefixes=prefixes,
            sampling=Sampling(seed=key),
            lane=Lane.BATCH,
        )
    )


def cached(answer: Answer) -> int:
    list(answer)
    assert answer.finish is not None
    return answer.finish.usage.cached_tokens


def assert_agrees(key: int, reference: list[Any]) -> None:
    ours = Forcing.seen[key]
    assert len(ours) == len(reference)
    for row, (left, right) in enumerate(zip(reference, ours, strict=True)):
        expected, found = left - logsum(left), right - logsum(right)
        distance = float((np.exp(expected) * (expected - found)).sum())
        assert distance < FARTHEST, f"token {row}"


def logsum(row: Any) -> Any:
    return row.max() + np.log(np.exp(row - row.max()).sum())


def forget(engine: Engine) -> None:
    """Make it hold nothing any more."""
    for slot in engine._scheduler._slots._slots:
        engine._scheduler._slots._cut(slot, 0)
        slot.talk = False
    for kept in list(engine._prefixes._kept.values()):
        engine._prefixes.drop(kept.prefix)


def test_alone_then_from_its_own_kv(
    engine: Engine, prompt: tuple[int, ...], reference: list[Any]
) -> None:
    forget(engine)
    assert cached(ask(engine, prompt, 1)) == 0
    assert_agrees(1, reference)
    assert cached(ask(engine, prompt, 2)) == PROMPT - 1
    assert_agrees(2, reference)


def test_beside_others_that_come_and_go(
    engine: Engine, prompt: tuple[int, ...], reference: list[Any]
) -> None:
    forget(engine)
    others = [
        engine.generate(Request(prompt[9 * n : 9 * n + 30], 9 + 7 * n, lane=Lane.BATCH))
        for n in range(3)
    ]
    ours = ask(engine, prompt, 3)
    for other in others:
        list(other)
    cached(ours)
    assert_agrees(3, reference)


def test_after_cutting_a_slot_back(
    engine: Engine, prompt: tuple[int, ...], reference: list[Any]
) -> None:
    forget(engine)
    cached(ask(engine, prompt[:200] + prompt[50:80], 0))
    assert cached(ask(engine, prompt, 4)) == 200
    assert_agrees(4, reference)


def test_from_a_kept_prefix_in_another_stream(
    engine: Engine, prompt: tuple[int, ...], reference: list[Any]
) -> None:
    forget(engine)
    cached(ask(engine, prompt[:PREFIX] + prompt[90:99], 0, PREFIX))
    beside = ask(engine, prompt[5:20], 0)
    ours = ask(engine, prompt, 5, PREFIX)
    assert cached(ours) == PREFIX
    cached(beside)
    assert_agrees(5, reference)


def test_copied_from_a_stream_that_is_at_work(
    engine: Engine, prompt: tuple[int, ...], reference: list[Any]
) -> None:
    forget(engine)
    busy = iter(engine.generate(Request(prompt[:300], 60, lane=Lane.BATCH)))
    next(busy)
    assert cached(ask(engine, prompt, 6)) == 300
    list(busy)
    assert_agrees(6, reference)


def test_a_talk_that_was_moved_to_memory_and_back(
    engine: Engine, prompt: tuple[int, ...], reference: list[Any]
) -> None:
    forget(engine)
    talk = Request(prompt[:-1], 1)
    list(engine.generate(talk))
    for number in range(engine._streams.count):
        list(engine.generate(Request(prompt[number + 1 : number + 300], 1)))
    assert cached(ask(engine, prompt, 7)) == PROMPT - 1
    assert_agrees(7, reference)


def test_after_interruptions(
    engine: Engine,
    prompt: tuple[int, ...],
    reference: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget(engine)
    decode, count = engine._streams.decode, iter(range(1000))

    def interrupted(rows: list[Row]) -> bool:
        return next(count) % 3 != 1 and decode(rows)

    monkeypatch.setattr(engine._streams, "decode", interrupted)
    cached(ask(engine, prompt, 8, PREFIX))
    assert_agrees(8, reference)
