"""Weights that an RPC host keeps on its disk, so that they come over the network once.

llama.cpp writes a file for each tensor of more than 10 MiB, named by a hash of its content,
straight under its final name, and believes every file it finds there. A write that a crash or a
full disk has cut short would later be loaded as weights. So a file counts once it is seen whole:
nobody has it open any more, the disk had room, and it is on the disk. Until then it is removed at
the next start.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

WHOLE = stat.S_IRUSR  #: the mode of such a file: nothing else has it
#: With less free space than this a write may have been cut short.
ROOM = 64 << 20

log = structlog.get_logger()


class TensorCache:
    """A folder of tensors; one server writes to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return sum(path.stat().st_size for path in self._files())

    def sweep(self) -> None:
        """Remove what an earlier server may not have written to its end."""
        for path in self._unsealed():
            log.warning("tensor_torn", file=path.name)
            path.unlink(missing_ok=True)

    def seal(self) -> None:
        """Let files count that have been written to their end since the last call."""
        candidates = set(self._unsealed()) - set(_open_files())
        crowded = shutil.disk_usage(self.folder).free < ROOM
        for path in candidates:
            if crowded:
                log.warning("tensor_not_kept", file=path.name, reason="the disk is full")
                path.unlink(missing_ok=True)
            else:
                _seal(path)

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.iterdir() if path.is_file())

    def _unsealed(self) -> list[Path]:
        return [path for path in self._files() if stat.S_IMODE(path.stat().st_mode) != WHOLE]


def _seal(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    path.chmod(WHOLE)


def _open_files() -> Iterator[Path]:
    """Files that this process has open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            yield descriptor.readlink()
        except OSError:  # the one that lists them
            continue
