"""Real engines for tests, and how an answer is judged that others might have written too.

Kernels round differently by the shape of a batch, so two right answers may differ where a small
model's likeliest tokens are nearly tied. An answer is therefore forced upon the model, read in one
piece, and each of its tokens must be as likely there as any other but for a little.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import psutil

from workers.engine.context import Context, Row, Shape
from workers.engine.engine import Engine
from workers.engine.profile import Profile
from workers.engine.requests import Request, Usage
from workers.engine.sequence import Answer
from workers.engine.template import Message
from workers.settings import Settings
from workers.states import Lane

#: One thread: two would wait for each other on a machine that does something else besides.
PROFILE = Profile(
    weights="Q8_0",
    threads=1,
    prefill_threads=1,
    ubatch_tokens=512,
    flash_attention=False,
    batch_flash_attention=False,
    repack=True,
    mlock=False,
    kv_type="f16",
    wait_policy=None,
)
#: How far (in logits) below the best a token may lie. Of 400 right answers the worst token of one
#: lay 0.40 below; answers to another question lie 1.4 or more, those to a prompt that lacks a token
#: 1.1 or more in nine of ten.
TIED = 0.6
GIVE_UP_SECONDS = 120


def opened(path: Path, kept: Path, *, profile: Profile = PROFILE, **settings: Any) -> Engine:
    """An engine of one's own, small unless `settings` say otherwise."""
    small = {
        "context": 1024,
        "batch_slots": 2,
        "interactive_slots": 1,
        "prefix_cache_mb": 64,
        "prefix_disk_mb": 64,
    }
    return Engine(path, Settings(**{**small, **settings}), profile, kept)


def asked(engine: Engine, text: str, *shared: str, **changed: Any) -> Request:
    """A request as chats make it, with `shared` in front of the text."""
    messages = [Message("system", "Answer briefly."), Message("user", text, shared)]
    prompt = engine.prompt(messages)
    request = Request(prompt.tokens, max_tokens=8, prefixes=prompt.prefixes, lane=Lane.BATCH)
    return replace(request, **changed)


def text_of(answer: Answer) -> str:
    """The whole text, when it has been written."""
    return "".join(answer)


def usage_of(answer: Answer) -> Usage:
    """What it cost, when it has been written."""
    text_of(answer)
    assert answer.finish is not None
    return answer.finish.usage


def native_threads() -> set[int]:
    """Those that the kernel knows of this process, OpenMP's too."""
    return {thread.id for thread in psutil.Process().threads()}


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def tokens_of(engine: Engine, text: str) -> tuple[int, ...]:
    """The tokens that were sampled for an answer."""
    return engine._template._spoken._answers[text]


def assert_greedy(engine: Engine, request: Request, written: tuple[int, ...]) -> None:
    """That each written token is the likeliest behind those before it, or nearly so."""
    assert written
    short = shortfalls(engine, request, written)
    assert short.max() < TIED, f"token {short.argmax()} of {len(written)}: {short.max():.2f}"


def shortfalls(engine: Engine, request: Request, written: tuple[int, ...]) -> Any:
    """How far below the best (in logits) each written token lies: one float for each."""
    prompt, model = request.prompt, engine.model
    endings = [one for one in range(model.vocab_size) if model.ends_generation(one)]
    tokens = (*prompt, *written[:-1])
    first = len(prompt) - 1
    shape = Shape(
        sequences=1,
        context_tokens=-(-len(tokens) // 256) * 256,
        batch_tokens=len(tokens),
        ubatch_tokens=512,
        threads=1,
        prefill_threads=1,
        flash_attention=False,
        outputs=len(written),
    )
    context = Context(model, shape)
    context.decode([Row(token, place, 0, place >= first) for place, token in enumerate(tokens)])
    short = []
    for place, token in enumerate(written):
        pointer = llama.llama_get_logits_ith(context.handle, first + place)
        row = np.ctypeslib.as_array(pointer, (model.vocab_size,))
        if request.sampling.ignore_eos:
            row[endings] = -np.inf
        short.append(float(row.max() - row[token]))
    context.close()
    return np.array(short)
