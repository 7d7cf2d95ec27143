"""Runs a command that must not outlive its starter: `python leash.py PARENT COMMAND…`.

Asks the kernel to send SIGTERM when the parent dies (prctl(2), PR_SET_PDEATHSIG), then becomes
the command. A file of its own, because code between fork and exec (`preexec_fn`) may deadlock in
a process with threads. Standard library only, and as little of it as will do.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        # It died before the kernel was asked.
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
