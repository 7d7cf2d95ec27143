"""Peers inside a Python process: LangChain community's llama.cpp, and Hugging Face transformers.

Both answer one request at a time. Their packages come with the `bench` extra and are imported
only here.
"""

import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import PeerMissing
from benchmarks.peer import Turn
from benchmarks.servers import END_TOKENS


class LangChain:
    """ChatLlamaCpp of langchain-community. Only what makes it work at all is set by default."""

    def __init__(self, model: Path, context: int, tuned: dict[str, Any] | None = None) -> None:
        """`tuned` is what an expert would set; without it defaults, and a context that suffices."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from langchain_community.chat_models import ChatLlamaCpp  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise PeerMissing(f"langchain-community: {error}") from error
        self.name = f"LangChain ChatLlamaCpp ({'tuned' if tuned else 'defaults'})"
        self._one_at_a_time = threading.Lock()
        self._chat: Any = ChatLlamaCpp(
            model_path=str(model),
            n_ctx=context,
            temperature=0.0,
            repeat_penalty=1.0,
            verbose=False,
            **(tuned or {}),
        )

    def chat(
        self,
        turns: Sequence[Turn],
        max_tokens: int,
        *,
        background: bool = False,  # noqa: ARG002 - it has no lanes
    ) -> Iterator[str]:
        """See Peer."""
        messages = [(turn.role, turn.text) for turn in turns]
        bias = dict.fromkeys(END_TOKENS, -100.0)
        with self._one_at_a_time:
            for chunk in self._chat.stream(messages, max_tokens=max_tokens, logit_bias=bias):
                yield str(chunk.content)

    def cpu_seconds(self) -> float:
        """See Peer."""
        return time.process_time()

    def close(self) -> None:
        """See Peer."""
        self._chat.client.close()


class Transformers:
    """The same weights in transformers, which unpacks GGUF to floats."""

    name = "transformers (float32)"

    def __init__(self, model: Path, threads: int) -> None:
        """Load by `gguf_file`. Raises PeerMissing when transformers can't read the file."""
        try:
            import torch  # noqa: PLC0415 - heavy
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy
        except ImportError as error:
            raise PeerMissing(f"transformers: {error}") from error
        torch.set_num_threads(threads)
        place = {"pretrained_model_name_or_path": str(model.parent), "gguf_file": model.name}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(**place)
            self._model: Any = AutoModelForCausalLM.from_pretrained(**place)
        except (ImportError, OSError, ValueError, KeyError, NotImplementedError) as error:
            raise PeerMissing(f"transformers can't read {model.name}: {error}") from error
        self._one_at_a_time = threading.Lock()

    def chat(
        self,
        turns: Sequence[Turn],
        max_tokens: int,
        *,
        background: bool = False,  # noqa: ARG002 - it has no lanes
    ) -> Iterator[str]:
        """See Peer. The answer comes in one piece."""
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        with self._one_at_a_time:
            prompt = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            written = self._model.generate(
                **prompt, max_new_tokens=max_tokens, min_new_tokens=max_tokens, do_sample=False
            )
            yield str(self._tokenizer.decode(written[0][prompt["input_ids"].shape[1] :]))

    def cpu_seconds(self) -> float:
        """See Peer."""
        return time.process_time()

    def close(self) -> None:
        """See Peer."""
        self._model = None
