"""A GGUF model: its weights in memory, its vocabulary and what its file says about it.

Knows nothing about contexts, batches or chat.
"""

import ctypes
from functools import cached_property
from pathlib import Path

import llama_cpp.llama_cpp as llama

from workers.engine import parts
from workers.engine.fingerprint import fingerprint
from workers.engine.remote import Remote
from workers.errors import ModelUnusable

META_BYTES = 1 << 16
#: By whether weights are mapped, and whether they are locked.
LOAD_MODES = {
    (True, False): llama.LLAMA_LOAD_MODE_MMAP,
    (True, True): llama.LLAMA_LOAD_MODE_MMAP_MLOCK,
    (False, False): llama.LLAMA_LOAD_MODE_NONE,
    (False, True): llama.LLAMA_LOAD_MODE_MLOCK,
}


class Model:
    """Loaded weights. Not thread-safe to close; everything else may be called from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        repack: bool = True,
        mmap: bool = True,
        mlock: bool = False,
        away: int | Remote = 0,
    ) -> None:
        """Load `path`. Raises ModelMissing or ModelUnusable.

        `repack` copies weights into an order that some kernels read faster; `mmap` maps the file,
        so that processes share its pages, and without it the weights are this process's own, on
        the memory node it runs on; `mlock` keeps them from being swapped out. `away`: so many
        layers stand on a GPU, if the library knows one, and all with a negative number; or those
        of a Remote stand on its hosts, and it is closed with the model.
        """
        parts.check(path)
        params = llama.llama_model_default_params()
        remote = None if isinstance(away, int) else away
        params.n_gpu_layers = away if isinstance(away, int) else 0
        params.use_extra_bufts = repack
        params.load_mode = LOAD_MODES[mmap, mlock]
        if remote is not None:
            remote.place(params)
        handle = llama.llama_model_load_from_file(str(path).encode(), params)
        if not handle:
            if remote is not None:
                remote.close()
            raise ModelUnusable(path=path, reason="llama.cpp could not load it")
        self.remote = remote
        self.path = path
        self.handle = handle
        self.vocab = llama.llama_model_get_vocab(handle)
        self.vocab_size: int = llama.llama_vocab_n_tokens(self.vocab)
        self.trained_context: int = llama.llama_model_n_ctx_train(handle)
        self.parameters: int = llama.llama_model_n_params(handle)
        self.bos: int = llama.llama_vocab_bos(self.vocab)
        self.eos: int = llama.llama_vocab_eos(self.vocab)
        #: Whether the KV of a sequence can be cut at any token: not so with a recurrent state or a
        #: sliding window, which have forgotten what a shorter beginning would need.
        self.cuts: bool = not (
            llama.llama_model_is_recurrent(handle)
            or llama.llama_model_is_hybrid(handle)
            or llama.llama_model_n_swa(handle)
        )
        self.rope_type: int = llama.llama_model_rope_type(handle)
        self.adds_bos: bool = llama.llama_vocab_get_add_bos(self.vocab)
        #: The tokens that close an answer; found here, once, for it means asking about each.
        self.endings = frozenset(
            token for token in range(self.vocab_size) if llama.llama_vocab_is_eog(self.vocab, token)
        )

    def close(self) -> None:
        """Free the weights; harmless when repeated. Nothing else may be used afterwards."""
        handle, self.handle = self.handle, None
        llama.llama_model_free(handle)
        if self.remote is not None:
            self.remote.close()

    @cached_property
    def name(self) -> str:
        """The name the file gives itself."""
        return self.metadata("general.name") or self.path.stem

    @cached_property
    def fingerprint(self) -> str:
        """Tells weights apart."""
        return fingerprint(self.path)

    @cached_property
    def chat_template(self) -> str | None:
        """The Jinja template in the file, if there is one."""
        raw = llama.llama_model_chat_template(self.handle, None)
        return raw.decode("utf-8", "replace") if raw else None

    def metadata(self, key: str) -> str | None:
        """A metadata value as text, or None."""
        buffer = ctypes.create_string_buffer(META_BYTES)
        length = llama.llama_model_meta_val_str(self.handle, key.encode(), buffer, META_BYTES)
        return buffer.value.decode("utf-8", "replace") if length >= 0 else None

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of `text`. Only with `special` are control tokens in the text recognised."""
        raw = text.encode(errors="replace")  # a lone surrogate has no bytes
        capacity = len(raw) + 8
        while True:
            buffer = (llama.llama_token * capacity)()
            count = llama.llama_tokenize(
                self.vocab, raw, len(raw), buffer, capacity, False, special
            )
            if count >= 0:
                return list(buffer[:count])
            capacity = -count

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; control tokens stand for nothing."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = llama.llama_token_to_piece(self.vocab, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def token_text(self, token: int) -> str:
        """How the vocabulary writes a token; empty for the null token."""
        if token < 0:
            return ""
        return str(llama.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace"))

    def ends_generation(self, token: int) -> bool:
        """Whether the token closes an answer."""
        return token in self.endings
