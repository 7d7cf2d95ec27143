"""The llama.cpp library of this process: its log, what it was built with, and a self-check."""

import ctypes
import logging
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import llama_cpp.llama_cpp as llama

#: ggml's levels: 1 debug, 2 info, 3 warning, 4 error, 5 continues the line before.
WARNING = 3
CONTINUES = 5


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
        version=version("llama-cpp-python"),
        features=llama.llama_print_system_info().decode().strip(),
        rpc=bool(llama.llama_supports_rpc()),
        mlock=bool(llama.llama_supports_mlock()),
    )


class _Relay:
    """Passes warnings and errors on to Python's logging; the rest is noise."""

    def __init__(self) -> None:
        self._log = logging.getLogger("llama.cpp")
        self._level = 0

    def __call__(self, level: int, text: bytes, _data: Any) -> None:
        self._level = self._level if level == CONTINUES else level
        line = text.decode("utf-8", "replace").strip()
        if self._level >= WARNING and line:
            self._log.log(logging.WARNING if self._level == WARNING else logging.ERROR, line)


_relay = llama.llama_log_callback(_Relay())  # kept: llama.cpp only borrows the pointer


def quiet() -> None:
    """Send llama.cpp's messages through logging instead of stderr."""
    llama.llama_log_set(_relay, ctypes.c_void_p(0))
