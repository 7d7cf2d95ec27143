"""Which token comes next: penalties and the greedy choice on the logits, draws and grammars in C.

llama.cpp's own chain copies the whole vocabulary into candidates for every token and passes all of
it through each part. Looking at the logits where they lie costs a tenth for a greedy choice; a
grammar is asked about the chosen token alone, and about others only when it refuses that one
(figures in docs/decisions/0017-sampling.md).
"""

import ctypes
from collections import Counter, deque
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from workers.engine.grammar import Grammar
from workers.engine.model import Model
from workers.engine.requests import Sampling

MIN_KEEP = 1
#: The likeliest tokens that a grammar is asked about before it is asked about all.
SHORTLIST = 128


class Sampler:
    """Chooses the tokens of one sequence; it remembers what it chose (penalties, grammar)."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        """Raises GrammarRefused, and ValueError for a bias on a token that doesn't exist."""
        self._end = model.eos
        self._row = ctypes.c_float * model.vocab_size
        self._bias = _Bias(model, sampling)
        self._penalties = _Penalties(sampling) if _penalises(sampling) else None
        self._grammar = Grammar(model, sampling.grammar) if sampling.grammar is not None else None
        self._draw = _draw(sampling) if sampling.temperature > 0 else None

    def sample(self, context: object, row: int) -> int:
        """Choose and accept the token that follows batch row `row`; once for each row.

        A draft is verified by sampling its rows in order for as long as the draft was right.
        Penalties and biases are written into the row's logits.
        """
        logits = self._logits(context, row)
        self._bias.apply(logits)
        if self._penalties is not None:
            self._penalties.apply(logits)
        token = self._choose(logits, context, row)
        if self._grammar is not None and not self._grammar.allows(token):
            # Only a greedy choice is the same from among the likeliest.
            self._grammar.constrain(logits, logits.size if self._draw else SHORTLIST)
            token = self._choose(logits, context, row)
            if not self._grammar.allows(token):
                return self._end  # the grammar asks for what no token can say
        self._accept(token)
        return token

    def close(self) -> None:
        """Free what is held in C; harmless when repeated."""
        if self._grammar is not None:
            self._grammar.close()
        if self._draw is not None:
            llama.llama_sampler_free(self._draw)
            self._draw = None

    def _logits(self, context: object, row: int) -> Any:
        """The row's logits where they lie: float32, one for each token of the vocabulary."""
        first = llama.llama_get_logits_ith(context, row).contents
        lying: Any = self._row.from_address(ctypes.addressof(first))
        return np.frombuffer(lying, np.float32)

    def _choose(self, logits: Any, context: object, row: int) -> int:
        if self._draw is None:
            return int(logits.argmax())
        return int(llama.llama_sampler_sample(self._draw, context, row))

    def _accept(self, token: int) -> None:
        if self._penalties is not None:
            self._penalties.accept(token)
        if self._grammar is not None:
            self._grammar.accept(token)


class _Bias:
    """What is added to the logits of some tokens."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        biases = dict(sampling.logit_bias)
        if sampling.ignore_eos:
            biases |= dict.fromkeys(model.endings, float("-inf"))
        if any(not 0 <= token < model.vocab_size for token in biases):
            raise ValueError("a bias names a token that the vocabulary does not have")
        self._tokens = np.fromiter(biases, np.int32)
        self._values = np.fromiter(biases.values(), np.float32)

    def apply(self, logits: Any) -> None:
        if self._tokens.size:
            logits[self._tokens] += self._values


class _Penalties:
    """Make recent tokens less likely, as llama.cpp does, but without looking at the others."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._recent: deque[int] = deque()
        self._times: Counter[int] = Counter()

    def accept(self, token: int) -> None:
        self._recent.append(token)
        self._times[token] += 1
        if len(self._recent) > self._sampling.repeat_window:
            oldest = self._recent.popleft()
            self._times[oldest] -= 1
            if not self._times[oldest]:
                del self._times[oldest]

    def apply(self, logits: Any) -> None:
        if not self._times:
            return
        tokens, sampling = np.fromiter(self._times, np.int32), self._sampling
        repeat, found = sampling.repeat_penalty, logits[tokens]
        found = np.where(found > 0, found / repeat, found * repeat)
        if sampling.frequency_penalty or sampling.presence_penalty:
            times = np.fromiter(self._times.values(), np.float32)
            found -= times * sampling.frequency_penalty + sampling.presence_penalty
        logits[tokens] = found


def _penalises(sampling: Sampling) -> bool:
    return sampling.repeat_penalty != 1 or bool(
        sampling.frequency_penalty or sampling.presence_penalty
    )


def _draw(sampling: Sampling) -> Any:
    """The chain that draws from what is likely; it remembers nothing but its random state."""
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    for part in (
        llama.llama_sampler_init_top_k(sampling.top_k),
        llama.llama_sampler_init_top_p(sampling.top_p, MIN_KEEP),
        llama.llama_sampler_init_min_p(sampling.min_p, MIN_KEEP),
        llama.llama_sampler_init_temp(sampling.temperature),
        llama.llama_sampler_init_dist(sampling.seed),
    ):
        llama.llama_sampler_chain_add(chain, part)
    return chain
