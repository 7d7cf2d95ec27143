"""A model over several hosts beside one: prefill, decode, load, and what goes over the wire.

`python -m benchmarks.remote`. The hosts are processes on addresses of the loopback, with one thread
each, as has the engine: what is seen is what the protocol and the splitting cost, not a network.
"""

import json
import socket
import struct
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil

from benchmarks import environment, models
from benchmarks.apart import apart
from benchmarks.errors import PeerMissing
from benchmarks.servers import free_port
from workers.engine import library
from workers.engine.context import Context, Row, Shape
from workers.engine.header import header
from workers.engine.hosts import Endpoint, greet
from workers.engine.links import sockets
from workers.engine.model import Model
from workers.engine.profile import fallback, overridden
from workers.engine.remote import Remote
from workers.engine.split import divided
from workers.errors import RpcHostAway
from workers.settings import Settings

SERVE = [sys.executable, "-m", "workers.rpc_serve", "--threads", "1", "--cache"]
PROMPT, WRITTEN = 256, 24
SHAPE = Shape(
    sequences=1,
    context_tokens=512,
    batch_tokens=PROMPT,
    ubatch_tokens=PROMPT,
    threads=1,
    prefill_threads=1,
    flash_attention=False,
)
START_SECONDS = 60.0
#: Where tcp_info (linux/tcp.h) counts acknowledged and received bytes.
COUNTED = struct.Struct("@120xQQ")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one arrangement."""

    hosts: int
    layers: tuple[int, ...]  #: here, then on each host
    load_seconds: float  #: everything comes over the wire
    reload_seconds: float  #: hosts have kept what is large
    prefill_rate: float  #: tokens/s
    decode_rate: float  #: tokens/s of one sequence
    sent: float  #: megabytes for each written token, to all hosts
    received: float
    resident: tuple[float, ...]  #: gigabytes, here, then on each host


def main() -> None:
    """Measure one to three hosts, and none."""
    parser = ArgumentParser(prog="python -m benchmarks.remote", description=__doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the made one")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    output = environment.results()
    library.quiet()
    path = given.model or models.billion("Q4_0")
    measured = []
    for count in range(4):
        print(f"· {count or 'no'} hosts", file=sys.stderr)
        measured.append(_measured(path, count))
    if given.json:
        print(json.dumps([asdict(one) for one in measured]), file=output)
        return
    print("\n".join(_table(measured)), file=output)


def _measured(path: Path, count: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="lectern-") as folder, ExitStack() as stack:
        hosts = [stack.enter_context(_host(n, Path(folder) / str(n))) for n in range(count)]
        places = [place for place, _ in hosts]
        loaded = apart(_load, path, places)
        figures = apart(_figures, path, places, [process.pid for _, process in hosts])
    return replace(figures, load_seconds=loaded)


def _load(path: Path, places: Sequence[Endpoint]) -> float:
    """Seconds until the model is there."""
    library.quiet()
    began = time.perf_counter()
    model, _ = _opened(path, places)
    took = time.perf_counter() - began
    model.close()
    return took


def _figures(path: Path, places: Sequence[Endpoint], processes: Sequence[int]) -> Figures:
    """All but the first load."""
    library.quiet()
    began = time.perf_counter()
    model, layers = _opened(path, places)
    loaded = time.perf_counter() - began
    context = Context(model, SHAPE)
    _decode(context, 0, PROMPT)  # pages are touched
    context.trim(0, 0)
    prefill = _decode(context, 0, PROMPT)
    _decode(context, PROMPT, 1)
    before = _traffic(places)
    decode = median(_decode(context, PROMPT + 1 + n, 1) for n in range(WRITTEN))
    sent, received = (b - a for a, b in zip(before, _traffic(places), strict=True))
    resident = [psutil.Process(), *map(psutil.Process, processes)]
    return Figures(
        hosts=len(places),
        layers=layers,
        load_seconds=0.0,
        reload_seconds=loaded,
        prefill_rate=PROMPT / prefill,
        decode_rate=1 / decode,
        sent=sent / WRITTEN / 1e6,
        received=received / WRITTEN / 1e6,
        resident=tuple(each.memory_info().rss / 1e9 for each in resident),
    )


def _decode(context: Context, begin: int, count: int) -> float:
    """Seconds that so many rows take, logits of the last one included."""
    rows = [
        Row(1 + place, place, 0, place == begin + count - 1)
        for place in range(begin, begin + count)
    ]
    began = time.perf_counter()
    context.decode(rows)
    return time.perf_counter() - began


def _opened(path: Path, places: Sequence[Endpoint]) -> tuple[Model, tuple[int, ...]]:
    """The model with as many layers on each host, and none here: the most that can be away."""
    layers = header(path).layers
    if not places:
        return Model(path, repack=False), (layers,)
    ends = [layers * n // len(places) for n in range(len(places) + 1)]
    counts = [0, *(end - begin for begin, end in pairwise(ends))]
    settings = Settings(rpc_split=",".join(map(str, counts)))
    profile = overridden(fallback(settings), settings)
    split = divided(path, settings, profile, [greet(place) for place in places])
    return Model(path, repack=False, away=Remote(split.shares)), tuple(counts)


def _traffic(places: Sequence[Endpoint]) -> tuple[int, int]:
    """Bytes sent to the hosts and received from them, so far."""
    sent = received = 0
    for each in sockets():
        with each:
            if _peer(each) in {(place.host, place.port) for place in places}:
                told = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, COUNTED.size)
                more, back = COUNTED.unpack(told)
                sent, received = sent + more, received + back
    return sent, received


def _peer(each: socket.socket) -> object:
    try:
        return each.getpeername()
    except OSError:
        return None


@contextmanager
def _host(number: int, data: Path) -> Iterator[tuple[Endpoint, "subprocess.Popen[bytes]"]]:
    place = Endpoint(f"127.0.0.{2 + number}", free_port())
    words = ["--host", place.host, "--port", str(place.port)]
    process = subprocess.Popen(
        [*SERVE, *words],
        env={**environment.plain(), "LECTERN_DATA": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(place)
        yield place, process
    finally:
        process.terminate()
        process.wait()


def _await(place: Endpoint) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            greet(place)
        except RpcHostAway:
            time.sleep(0.1)
        else:
            return
    raise PeerMissing(f"{place} does not answer")


def _table(measured: Sequence[Figures]) -> Iterator[str]:
    alone = measured[0]
    names = "hosts", "layers", "load s", "again s", "prefill", "decode", "MB a token", "GB resident"
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for one in measured:
        prefill = f"{one.prefill_rate:.1f}/s ({one.prefill_rate / alone.prefill_rate:.2f}×)"
        decode = f"{one.decode_rate:.1f}/s ({one.decode_rate / alone.decode_rate:.2f}×)"
        resident = ", ".join(f"{each:.2f}" for each in one.resident)
        yield (
            f"| {one.hosts} | {', '.join(map(str, one.layers))} | {one.load_seconds:.1f} | "
            f"{one.reload_seconds:.1f} | {prefill} | {decode} | "
            f"{one.sent:.2f}, {one.received:.2f} | {resident} |"
        )


if __name__ == "__main__":
    main()
