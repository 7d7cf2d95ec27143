"""What a process holds in memory, as the kernel counts it in /proc/self."""

from pathlib import Path

PROCESS = Path("/proc/self")
KB = 1024
#: Of smaps_rollup. Rss counts every page that is mapped and present, also of files; Pss counts a
#: page that n processes map as 1/n; Anonymous pages are in no file: only a process's end frees
#: them. Pss_File are pages of the page cache that this process maps.
PARTS = {"Rss": "rss", "Pss": "pss", "Anonymous": "anonymous", "Pss_File": "file"}


def held() -> dict[str, int]:
    """Bytes now by kind, and `peak`: the largest Rss there ever was (VmHWM)."""
    lines = (PROCESS / "smaps_rollup").read_text().splitlines()
    told = {PARTS[name]: _bytes(line) for line in lines if (name := _name(line)) in PARTS}
    status = (PROCESS / "status").read_text().splitlines()
    peak = next(_bytes(line) for line in status if _name(line) == "VmHWM")
    return {**told, "peak": peak}


def _name(line: str) -> str:
    return line.partition(":")[0]


def _bytes(line: str) -> int:
    """`Pss:    1234 kB`."""
    return int(line.split()[1]) * KB
