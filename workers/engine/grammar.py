"""Grammars: what may follow in an answer, and the grammar of a JSON schema."""

import ctypes
import json
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from llama_cpp.llama_grammar import json_schema_to_gbnf

from ingest.errors import LecternError
from workers.engine.model import Model

#: How `llama_token_data` lies in memory.
CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class GrammarRefused(LecternError):
    """llama.cpp can't use this grammar."""

    code = "grammar_refused"


class Grammar:
    """llama.cpp's automaton over what was accepted so far."""

    def __init__(self, model: Model, text: str) -> None:
        """Read GBNF with a `root` rule. Raises GrammarRefused."""
        self._automaton = llama.llama_sampler_init_grammar(model.vocab, text.encode(), b"root")
        if not self._automaton:
            raise GrammarRefused

    def allows(self, token: int) -> bool:
        """Whether the text may go on with this token."""
        return bool(np.isfinite(self._judged(np.array([token]), 0.0))[0])

    def constrain(self, logits: Any, shortlist: int) -> None:
        """Leave the tokens that may follow: those of the likeliest, or of all if none of them may.

        Asking about all takes as long as several decode steps.
        """
        for count in (shortlist, logits.size):
            tokens = np.argpartition(logits, -count)[-count:]
            judged = self._judged(tokens, logits[tokens])
            if np.isfinite(judged).any():
                break
        logits.fill(-np.inf)
        logits[tokens] = judged

    def accept(self, token: int) -> None:
        """Go on; the token must be allowed: llama.cpp ends the process over one that is not."""
        llama.llama_sampler_accept(self._automaton, token)

    def close(self) -> None:
        """Free it; harmless when repeated."""
        automaton, self._automaton = self._automaton, None
        if automaton:
            llama.llama_sampler_free(automaton)

    def _judged(self, tokens: Any, logits: Any) -> Any:
        """The logits, minus infinity for what may not follow."""
        candidates = np.empty(tokens.size, CANDIDATE)
        candidates["id"], candidates["logit"] = tokens, logits
        pointer = ctypes.cast(candidates.ctypes.data, llama.llama_token_data_p)
        array = llama.llama_token_data_array(pointer, candidates.size, -1, False)
        llama.llama_sampler_apply(self._automaton, ctypes.byref(array))
        return candidates["logit"]


def grammar_of(schema: dict[str, Any]) -> str:
    """A grammar whose every sentence is JSON of `schema`. Raises ValueError for odd schemas."""
    return str(json_schema_to_gbnf(json.dumps(schema)))
