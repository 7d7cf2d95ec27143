"""What the processor has units for. Loads no library."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
#: Units that multiply bfloat16, as the kernel calls them, of x86 and of Arm.
UNITS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})


def multiplies_bfloat16() -> bool:
    """Whether it has units for bfloat16; elsewhere that is emulated, and slow."""
    try:
        told = CPUINFO.read_text()
    except OSError:  # not Linux
        return False
    lines = (line for line in told.splitlines() if line.startswith(("flags", "Features")))
    return not UNITS.isdisjoint(next(lines, "").split())
