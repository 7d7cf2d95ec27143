"""The llama.cpp library of this process: its log, what it was built with, and a self-check.

The engine uses low-level bindings, which are right for one version of the library only: with any
other a struct may have grown, and the process would compute nonsense or end in a crash.
"""

import ctypes
import logging
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import llama_cpp.llama_cpp as llama

from ingest.errors import LecternError

PACKAGE, PINNED = "llama-cpp-python", "0.3.36"
#: What the library itself writes into its parameters, from the struct's beginning to its end.
EXPECTED_DEFAULTS = {
    "n_ctx": 512,
    "n_batch": 2048,
    "n_ubatch": 512,
    "n_seq_max": 1,
    "flash_attn_type": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "type_k": llama.GGML_TYPE_F16,
    "type_v": llama.GGML_TYPE_F16,
    "embeddings": False,
    "offload_kqv": True,
    "kv_unified": False,
    "n_samplers": 0,
    "ctx_other": None,
}
#: ggml's levels: 1 debug, 2 info, 3 warning, 4 error, 5 continues the line before.
WARNING = 3
CONTINUES = 5
#: What llama.cpp says, as errors, of a decode that the engine itself has interrupted.
INTERRUPTED = (
    "failed with error 1",
    "compute status: 1",
    "removing memory module entries",
    "failed to decode, ret = 2",
)


class LibraryUnusable(LecternError):
    """The llama.cpp library can't be used: {reason}. Run make run to install the right one."""

    code = "library_unusable"


@dataclass(frozen=True, slots=True)
class Build:
    """What the installed library can do."""

    version: str
    features: str  #: as ggml reports them, such as "CPU : AVX2 = 1 | …"
    rpc: bool
    mlock: bool


def build() -> Build:
    """Ask the library."""
    return Build(
        version=version(PACKAGE),
        features=llama.llama_print_system_info().decode().strip(),
        rpc=bool(llama.llama_supports_rpc()),
        mlock=bool(llama.llama_supports_mlock()),
    )


def check() -> None:
    """Raise LibraryUnusable unless the library is the one that the engine was written for."""
    found = version(PACKAGE)
    if found != PINNED:
        raise LibraryUnusable(reason=f"{PACKAGE} is {found}, not {PINNED}")
    defaults = llama.llama_context_default_params()
    odd = [name for name, value in EXPECTED_DEFAULTS.items() if getattr(defaults, name) != value]
    if odd:  # such as a library of another version behind LLAMA_CPP_LIB_PATH
        raise LibraryUnusable(reason=f"its parameters are laid out differently ({', '.join(odd)})")


class _Relay:
    """Passes warnings and errors on to Python's logging; the rest is noise."""

    def __init__(self) -> None:
        self._log = logging.getLogger("llama.cpp")
        self._level = 0

    def __call__(self, level: int, text: bytes, _data: Any) -> None:
        self._level = self._level if level == CONTINUES else level
        line = text.decode("utf-8", "replace").strip()
        if self._level >= WARNING and line and not any(part in line for part in INTERRUPTED):
            self._log.log(logging.WARNING if self._level == WARNING else logging.ERROR, line)


_relay = llama.llama_log_callback(_Relay())  # kept: llama.cpp only borrows the pointer


def quiet() -> None:
    """Send llama.cpp's messages through logging instead of stderr."""
    llama.llama_log_set(_relay, ctypes.c_void_p(0))
