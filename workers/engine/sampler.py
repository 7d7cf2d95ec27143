"""Sampling chains, built and run in C."""

import llama_cpp.llama_cpp as llama

from ingest.errors import LecternError
from workers.engine.model import Model
from workers.engine.requests import Sampling

MIN_KEEP = 1


class GrammarRefused(LecternError):
    """llama.cpp can't use this grammar."""

    code = "grammar_refused"


class Sampler:
    """The chain of one sequence; it remembers what it accepted (penalties, grammar)."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        if sampling.grammar is not None:
            self._add(
                llama.llama_sampler_init_grammar(model.vocab, sampling.grammar.encode(), b"root")
            )
        if sampling.repeat_penalty != 1.0:
            self._add(
                llama.llama_sampler_init_penalties(
                    model.vocab_size, sampling.repeat_window, sampling.repeat_penalty, 0.0, 0.0
                )
            )
        self._choose(sampling)

    def _choose(self, sampling: Sampling) -> None:
        if sampling.temperature <= 0.0:
            self._add(llama.llama_sampler_init_greedy())
            return
        self._add(llama.llama_sampler_init_top_k(sampling.top_k))
        self._add(llama.llama_sampler_init_top_p(sampling.top_p, MIN_KEEP))
        self._add(llama.llama_sampler_init_min_p(sampling.min_p, MIN_KEEP))
        self._add(llama.llama_sampler_init_temp(sampling.temperature))
        self._add(llama.llama_sampler_init_dist(sampling.seed))

    def _add(self, sampler: object) -> None:
        if not sampler:
            self.close()
            raise GrammarRefused
        llama.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: object, row: int) -> int:
        """Choose and accept the token that follows batch row `row`."""
        return int(llama.llama_sampler_sample(self._chain, context, row))

    def close(self) -> None:
        """Free the chain; harmless when repeated."""
        if self._chain:
            llama.llama_sampler_free(self._chain)
            self._chain = None
