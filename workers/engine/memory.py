"""How much memory a model will take, said before it is loaded and refused when it can't fit.

Compute buffers are an upper bound for models of llama's shape, up to 15 % without flash attention
(docs/decisions/0021-tuner.md); the rest is arithmetic.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psutil
import structlog

from workers.engine import numa, topology
from workers.engine.header import Header, header
from workers.engine.profile import Profile
from workers.engine.topology import ROOT, groups
from workers.errors import MemoryTooSmall
from workers.settings import Settings

#: Bytes of one element: q8_0 keeps 32 of them in 34 bytes.
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32}
FLOAT = 4
MEGABYTE = 1 << 20
#: What a worker with its libraries takes on top while it embeds: measured 90 MB.
EMBEDDER_BYTES = 100 * MEGABYTE
OUTPUTS = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes by what they are for."""

    weights: int
    kv: int
    compute: int
    embedder: int
    prefixes: int  #: a limit: kept states fill it in time
    sequences: int
    cells: int  #: of one sequence

    @property
    def needed(self) -> int:
        """What must be there for anything to work: all but the kept states."""
        return self.weights + self.kv + self.compute + self.embedder

    def __str__(self) -> str:
        """The sum in words."""
        return (
            f"weights {_mb(self.weights)} + KV {_mb(self.kv)} ({self.sequences} sequences of "
            f"{self.cells} tokens) + compute buffers {_mb(self.compute)} + embedder "
            f"{_mb(self.embedder)} = {_mb(self.needed)}, and up to {_mb(self.prefixes)} of kept "
            "prefixes"
        )


class Part(Protocol):
    """What of a model stands here, in bytes."""

    @property
    def weights(self) -> int: ...

    @property
    def kv(self) -> int: ...


def plan(path: Path, settings: Settings, profile: Profile) -> Plan:
    """What `path` will take with these settings. Raises ModelMissing or ModelUnusable."""
    told = header(path)
    return planned(told.file_bytes, told, settings, profile)


def planned(size: int, told: Header, settings: Settings, profile: Profile) -> Plan:
    """What a model with `size` bytes of weights and these sizes will take: arithmetic alone."""
    cells = min(settings.context, told.trained_context or settings.context)
    sequences = max(1, settings.batch_slots) + settings.interactive_slots
    outputs = max(sequences, OUTPUTS)
    return Plan(
        weights=size,
        kv=round(sequences * cells * told.kv_width * KV_BYTES[profile.kv_type]),
        compute=_compute(told, cells, outputs, profile) + outputs * told.vocabulary * FLOAT,
        embedder=EMBEDDER_BYTES,
        prefixes=settings.prefix_cache_mb * MEGABYTE,
        sequences=sequences,
        cells=cells,
    )


def here(path: Path, settings: Settings, profile: Profile, part: Part | None) -> Plan:
    """What it will take of this host, if other hosts hold all but `part`. Raises as `plan`."""
    whole = plan(path, settings, profile)
    return whole if part is None else replace(whole, weights=part.weights, kv=part.kv)


def require(
    path: Path, settings: Settings, profile: Profile, part: Part | None = None, root: Path = ROOT
) -> Plan:
    """State the plan in the log. Raises MemoryTooSmall, ModelMissing or ModelUnusable."""
    planned, free = here(path, settings, profile, part), available(root)
    log.info("memory_planned", model=path.name, plan=str(planned), free=_mb(free))
    if planned.needed > free:
        raise MemoryTooSmall(model=path.name, sum=planned, free=_mb(free))
    if planned.needed + planned.prefixes > free:
        log.warning("prefix_cache_too_large", limit=_mb(planned.prefixes), free=_mb(free))
    return planned


def available(root: Path = ROOT) -> int:
    """Bytes this process may still take: of the machine's, or less within a control group, or on
    the one node that its memory policy names.
    """
    rooms = [room for group in groups(root) if (room := _room(group)) is not None]
    node = numa.home()
    if node is not None and (left := topology.room(node, root)) is not None:
        rooms.append(left)
    return min([psutil.virtual_memory().available, *rooms])


def _room(group: Path) -> int | None:
    """What a group's limit leaves; pages of files are given back when they are needed."""
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    if limit == "max":
        return None
    return max(0, int(limit) - used + int(stat.get("inactive_file", 0)))


def _compute(told: Header, cells: int, outputs: int, profile: Profile) -> int:
    """Of each context the larger of scores and logits, which share a buffer, and what stays."""
    rows = profile.ubatch_tokens
    logits = min(outputs, rows) * told.vocabulary
    mask, activations = rows * cells, rows * (2 * told.hidden + 4 * told.width)
    contexts = {profile.flash_attention, profile.batch_flash_attention}
    scores = (0 if flash else told.heads * rows * cells for flash in contexts)
    return FLOAT * sum(max(each, logits) + mask + activations for each in scores)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
