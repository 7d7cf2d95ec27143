"""Whether weights may be locked in memory, and what to do where the limit forbids it."""

import ctypes
import mmap
import resource
from pathlib import Path

import structlog

from workers.engine import parts
from workers.engine.memory import available
from workers.engine.profile import Choice

#: Share of the free memory that may be locked without being told to.
LOCKED_SHARE = 0.5
STATUS = Path("/proc/self/status")
#: Bit of CAP_IPC_LOCK in the kernel's masks; see capabilities(7). Who has it knows no limit.
CAN_LOCK = 14
#: Less than this share of the file locked is not what was asked for.
MOST = 0.9
WAY_OUT = (
    "raise it with LimitMEMLOCK=infinity in a systemd unit, `ulimit -l unlimited` in the shell "
    "that starts Lectern, or `ulimits: {memlock: -1}` in compose.yaml"
)

log = structlog.get_logger()


def locking(path: Path) -> Choice:
    """Whether the weights may be locked in memory: tried, for the limit alone doesn't tell."""
    size = parts.size(path)
    if size > LOCKED_SHARE * available():
        return Choice("mlock", "False", "they would take more than half of the free memory", 0.0)
    if _lockable(path):
        return Choice("mlock", "True", f"{_mb(size)} can be locked", 0.0)
    reason = shortfall(size) or f"the kernel refused to lock {_mb(size)}"
    return Choice("mlock", "False", f"{reason}; {WAY_OUT}", 0.0)


def shortfall(size: int) -> str:
    """How `size` bytes are beyond what this process may lock; empty: they are not."""
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if limit == resource.RLIM_INFINITY or limit >= size or _privileged():
        return ""
    return f"RLIMIT_MEMLOCK is {_mb(limit)}, the weights need {_mb(size)}"


def report(path: Path) -> None:
    """Say in the log how much this process holds locked, after `path` was to be."""
    size, locked = parts.size(path), held()
    if locked >= MOST * size:
        log.info("weights_locked", locked=_mb(locked))
        return
    reason = shortfall(size) or "llama.cpp locks what it maps, not what it repacks"
    way_out = WAY_OUT if shortfall(size) else "LECTERN_REPACK=off locks all of them"
    facts = {"wanted": _mb(size), "locked": _mb(locked)}
    log.warning("weights_not_locked", **facts, reason=reason, way_out=way_out)


def held() -> int:
    """Bytes that this process has locked, as the kernel counts them."""
    return _status("VmLck:", 10) * 1024


def _privileged() -> bool:
    return bool(_status("CapEff:", 16) >> CAN_LOCK & 1)


def _status(name: str, base: int) -> int:
    """A number of /proc/self/status; 0 where it is not told."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1], base) for line in lines if line.startswith(name)), 0)


def _lockable(path: Path) -> bool:
    """Lock the file's pages and let them go."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as pages:
        first = ctypes.c_char.from_buffer(pages)
        try:
            place, size = ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(pages))
            locked = libc.mlock(place, size) == 0
            libc.munlock(place, size)
        finally:
            del first  # the mapping can't be closed while something points into it
    return bool(locked)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
