"""Growth as a picture: milliseconds and memory over the number of chunks."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Milliseconds that 95 of 100 questions may take, by the number of chunks.
TARGETS = {100_000: 50.0, 1_000_000: 150.0}
COLOURS = {"p50_ms": "#2a7f62", "p95_ms": "#b5483a", "p99_ms": "#bbbbbb"}
MEMORY = {"chroma_mb": "Chroma, memory", "worker_mb": "worker, memory",
          "database_disk_mb": "database, disk", "chroma_disk_mb": "Chroma, disk"}  # fmt: skip


def chart(rows: Sequence[dict[str, Any]], place: Path) -> None:
    """Write the picture; without matplotlib, of the bench extra, say so."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of the bench extra

        mpl.use("agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of a backend
    except ImportError as error:
        print(f"  no chart: {error}", file=sys.stderr)
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5))
    chunks = [row["chunks"] for row in rows]
    for key, colour in COLOURS.items():
        left.plot(chunks, [row[key] for row in rows], "o-", label=key[:3], color=colour)
    left.plot(list(TARGETS), list(TARGETS.values()), "kv", label="target for p95")
    left.set_ylabel("milliseconds of a search")
    for key, label in MEMORY.items():
        right.plot(chunks, [row[key] for row in rows], "o-", label=label)
    right.set_ylabel("megabytes")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("chunks")
        axes.grid(visible=True, which="both", alpha=0.2)
        axes.legend()
    figure.tight_layout()
    figure.savefig(place, dpi=120)
    plt.close(figure)
