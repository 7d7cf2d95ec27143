"""Which layers of a model stand where: the first ones here, the others on RPC hosts in their order.

Every place gets the same share of its memory to carry, as far as whole layers allow. llama.cpp's
own split goes by the number of layers, which is wrong where layers differ: DeepSeek's first three
are dense and twenty times smaller than those with experts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.engine import memory
from workers.engine.header import header
from workers.engine.hosts import Greeting, Share, endpoints, greet
from workers.engine.layers import Layers, layers
from workers.engine.profile import Profile
from workers.errors import MemoryTooSmall, RpcServersUnusable
from workers.settings import Settings

BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Split:
    """A model over this host and others."""

    layers: int  #: here
    weights: int  #: bytes here
    kv: int  #: bytes here
    shares: tuple[Share, ...]

    def __str__(self) -> str:
        """In words."""
        told = [f"{self.layers} layers here"]
        told += [
            f"{share.layers} on {share.endpoint} ({share.bytes / 1e6:,.0f} of "
            f"{share.free / 1e6:,.0f} MB)"
            for share in self.shares
        ]
        return ", ".join(told)


def split(path: Path, settings: Settings, profile: Profile) -> Split | None:
    """Ask the hosts and divide the model; None where LECTERN_RPC_SERVERS names none.

    Raises RpcServersUnusable, RpcHostAway, RpcHostBusy, RpcHostForeign, MemoryTooSmall,
    ModelMissing or ModelUnusable.
    """
    named = endpoints(settings.rpc_servers)
    if not named:
        return None
    return divided(path, settings, profile, [greet(each) for each in named])


def divided(
    path: Path, settings: Settings, profile: Profile, greetings: Sequence[Greeting]
) -> Split:
    """The split over hosts that have been asked. Raises MemoryTooSmall or RpcServersUnusable."""
    whole, told = memory.plan(path, settings, profile), header(path)
    taken = layers(path, told.layers)
    kv = whole.kv // max(told.layers, 1)
    sizes = [size + kv for size in taken.each]
    devices = [
        (greeting.endpoint, number, device.free)
        for greeting in greetings
        for number, device in enumerate(greeting.devices)
    ]
    rooms = _rooms(whole, taken, [free for *_, free in devices])
    if settings.rpc_split:
        counts = _fixed(settings.rpc_split, len(rooms), len(sizes))
    else:
        counts = shared(sizes, rooms)
    held = _sums(sizes, counts)
    if not counts or any(size > room for size, room in zip(held, rooms, strict=True)):
        lent = sum(free for *_, free in devices)
        free = f"{memory.available() / 1e6:,.0f} MB here and {lent / 1e6:,.0f} MB on RPC hosts"
        raise MemoryTooSmall(model=path.name, free=free, sum=whole)
    away = zip(devices, counts[1:], held[1:], strict=True)
    shares = tuple(
        Share(endpoint, number, count, size + whole.compute, lent)
        for (endpoint, number, lent), count, size in away
    )
    return Split(counts[0], sum(taken.each[: counts[0]]) + taken.input, kv * counts[0], shares)


def shared(sizes: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...]:
    """How many layers of these sizes each place takes, in order; empty where they don't fit.

    The smallest share of every room that is enough, by bisection.
    """
    best, low, high = _filled(sizes, rooms, 1.0), 0.0, 1.0
    for _ in range(BISECTIONS if best else 0):
        middle = (low + high) / 2
        if counts := _filled(sizes, rooms, middle):
            best, high = counts, middle
        else:
            low = middle
    return best


def _filled(sizes: Sequence[int], rooms: Sequence[int], share: float) -> tuple[int, ...]:
    """Layers of each place, filled to this share of its room; empty if some are left over."""
    counts, left = [0] * len(rooms), list(sizes)
    for place, room in enumerate(rooms):
        limit = max(0.0, room * share)
        while left and left[0] <= limit:
            limit -= left.pop(0)
            counts[place] += 1
    return () if left else tuple(counts)


def _rooms(whole: memory.Plan, taken: Layers, free: Sequence[int]) -> list[int]:
    """Bytes for layers: here first, then on each device.

    A host that receives a tensor holds it twice for a moment.
    """
    here = memory.available() - whole.embedder - whole.compute - taken.input - taken.largest
    away = [each - whole.compute - taken.largest for each in free]
    away[-1] -= taken.output
    return [here, *away]


def _fixed(told: str, places: int, layers: int) -> tuple[int, ...]:
    """What LECTERN_RPC_SPLIT says. Raises RpcServersUnusable."""
    words = [word.strip() for word in told.split(",")]
    if not all(word.isdigit() for word in words):
        raise RpcServersUnusable(reason=f"“{told}” is not a list of numbers of layers")
    counts = tuple(map(int, words))
    if len(counts) != places or sum(counts) != layers:
        reason = f"{told} must be {places} numbers (here, then each host) that make {layers} layers"
        raise RpcServersUnusable(reason=reason)
    return counts


def _sums(sizes: Sequence[int], counts: Sequence[int]) -> list[int]:
    begins = [sum(counts[:place]) for place in range(len(counts))]
    return [sum(sizes[begin : begin + count]) for begin, count in zip(begins, counts, strict=True)]
