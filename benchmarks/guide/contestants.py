"""The two that are compared, each as a class that loads in its constructor and answers greedily.

Heavy imports happen in `imports`, so that they can be timed apart from loading.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of so many tokens, and its seconds."""

    first: float  #: until the first token was known
    rest: float  #: for all that follow
    tokens: int
    text: str
    cached: int = 0  #: tokens of the prompt that were computed before


class Contestant(Protocol):
    """Something with a model in it."""

    def answer(self, prompt: Sequence[int], tokens: int) -> Told:
        """Go on behind the prompt's token ids, greedily, to exactly so many tokens."""


def lectern(told: dict[str, Any]) -> Contestant:
    """Lectern's engine with room for one sequence of `context` tokens."""
    return _Lectern(Path(told["path"]), told["context"], Path(told["source"]), told["bundled"])


def pytorch(told: dict[str, Any]) -> Contestant:
    """Transformers from a folder of safetensors, in `dtype`."""
    return _Transformers(told["path"], told["dtype"], told["threads"])


def imports(name: str) -> None:
    """Load the libraries that a contestant needs."""
    if name == "pytorch":
        import transformers.models.auto  # noqa: F401, PLC0415 - timed here
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401, PLC0415
        from transformers.models.llama import LlamaForCausalLM  # noqa: F401, PLC0415
    else:
        import workers.engine.engine  # noqa: F401, PLC0415 - timed here


class _Lectern:
    def __init__(self, path: Path, context: int, source: Path, bundled: bool) -> None:
        from workers.engine import library  # noqa: PLC0415 - timed in `imports`
        from workers.engine.engine import Engine  # noqa: PLC0415
        from workers.engine.profile import profile_for  # noqa: PLC0415
        from workers.settings import Settings  # noqa: PLC0415

        library.quiet()
        settings = Settings(
            model="" if bundled else str(path),
            context=context,
            batch_slots=1,
            interactive_slots=0,
            prefix_disk_mb=0,
        )
        # Without guessing ahead: made prompts are answered with repetitions, which it is good at.
        profile = replace(profile_for(settings, source), step_cost=())
        self._engine = Engine(path, settings, profile, Path(tempfile.gettempdir()))

    def answer(self, prompt: Sequence[int], tokens: int) -> Told:
        from workers.engine.requests import Request, Sampling  # noqa: PLC0415

        asked = Request(tuple(prompt), max_tokens=tokens, sampling=Sampling(ignore_eos=True))
        began = time.monotonic()
        answer = self._engine.generate(asked)
        text = "".join(answer)
        ended = time.monotonic()
        assert answer.finish is not None
        usage = answer.finish.usage
        assert usage.completion_tokens == tokens
        # The engine's own clock: a token may be no whole character, and then no text comes of it.
        first = ended - began - usage.decode_seconds
        return Told(first, usage.decode_seconds, tokens, text, usage.cached_tokens)


class _Transformers:
    def __init__(self, folder: str, dtype: str, threads: int) -> None:
        import torch  # noqa: PLC0415 - timed in `imports`
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

        torch.set_num_threads(threads)
        self._torch: Any = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa",
            low_cpu_mem_usage=True,
            local_files_only=True,
        )
        self._model.eval()  # type: ignore[no-untyped-call]

    def answer(self, prompt: Sequence[int], tokens: int) -> Told:
        """A loop of our own: `generate` does the same and takes longer for each token."""
        torch = self._torch
        began = time.monotonic()
        with torch.inference_mode():
            said = self._model(torch.tensor([list(prompt)]), use_cache=True, logits_to_keep=1)
            written = [int(said.logits[0, -1].argmax())]
            first = time.monotonic() - began
            while len(written) < tokens:
                token = torch.tensor([written[-1:]])
                said = self._model(token, past_key_values=said.past_key_values, use_cache=True)
                written.append(int(said.logits[0, -1].argmax()))
        rest = time.monotonic() - began - first
        return Told(first, rest, tokens, str(self._tokenizer.decode(written)))


CONTESTANTS = {"lectern": lectern, "pytorch": pytorch}
