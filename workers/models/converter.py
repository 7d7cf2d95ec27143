"""`python -m workers.models.converter SCRIPT FOLDER TARGET TYPE`: llama.cpp's own converter.

It runs in a process of its own, with its own gguf-py before ours, offline. It asks transformers to
trust code that lies in a model's folder; here it is never trusted: a model whose tokenizer comes
with code of its own is converted without it where transformers knows another way, and refused
where not. What would open a connection fails.
"""

import ctypes
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any

from transformers import dynamic_module_utils as foreign

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  #: prctl(2)
#: Python's names for what leaves this process (https://docs.python.org/3/library/audit_events.html).
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
DECIDES, LOADS = "resolve_trust_remote_code", "get_class_from_dynamic_module"


def main() -> None:
    """Convert. The exit status and the words on standard error are the converter's."""
    script, folder, target, kind = sys.argv[1:]
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # it ends with who asked for it
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    sys.addaudithook(_stay)
    _trust_nothing()
    sys.argv = [script, folder, "--outfile", target, "--outtype", kind.lower()]
    runpy.run_path(script, run_name="__main__")


def _trust_nothing() -> None:
    """Before transformers' other modules take these two functions over by name."""
    decide: Callable[..., Any] = getattr(foreign, DECIDES)

    def never(_trusted: Any, *rest: Any, **named: Any) -> Any:
        return decide(False, *rest, **named)

    def refuse(reference: Any, *_: Any, **__: Any) -> Any:
        raise PermissionError(f"the model wants its own code to run ({reference})")

    setattr(foreign, DECIDES, never)
    setattr(foreign, LOADS, refuse)


def _stay(event: str, _told: Any) -> None:
    if event in NETWORK:
        raise PermissionError("a conversion needs no network")


if __name__ == "__main__":
    main()
