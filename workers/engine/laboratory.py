"""Where candidates are measured: a process for each model, way to load it and wait policy."""

import json
import select
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ingest.errors import LecternError
from workers.engine.profile import Profile, environment
from workers.engine.tuner import TrialFailed

ROOT = Path(__file__).resolve().parents[2]
OPENMP = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
#: Children that keep a model loaded at a time.
CHILDREN = 3
#: Prompts that may be timed: the longest that takes no more than a share of the budget.
PROMPTS = (1024, 512, 256, 128)
PROBE, SHARE = 64, 1 / 30
PATIENCE_SECONDS = 180.0
BUSY = "while True: pass"


#: What the background does; the other workloads are a person's.
BATCH = frozenset({"prefill", "decode8", "decode8x2", "decode8x4"})


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process must be started anew for."""

    weights: str
    repack: bool
    mmap: bool
    gpu_layers: int
    wait_policy: str | None


class Laboratory:
    """Measures profiles in child processes; a context manager that ends them."""

    def __init__(self, file: Callable[[str], Path], budget_seconds: float) -> None:
        """`file` makes or finds the model's file in a format of weights."""
        self._file = file
        self._children: OrderedDict[Setup, Child] = OrderedDict()
        self._longest = budget_seconds * SHARE
        self._prompt = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for child in self._children.values():
            child.close()

    def measure(self, profile: Profile, workloads: tuple[str, ...]) -> Mapping[str, float]:
        """Seconds by workload. Raises TrialFailed."""
        setup = Setup(
            profile.weights, profile.repack, profile.mmap, profile.gpu_layers, profile.wait_policy
        )
        child = self._child(setup)
        try:
            return self._measured(child, profile, workloads)
        except TrialFailed:
            self._children.pop(setup).close()
            raise

    def _measured(
        self, child: "Child", profile: Profile, workloads: tuple[str, ...]
    ) -> dict[str, float]:
        if not self._prompt:
            probe = _order(profile, ("prefill",), True, depth=0, prompt=PROBE)
            probed = child.ask(probe)["prefill"]
            fits = [prompt for prompt in PROMPTS if prompt * probed <= self._longest]
            self._prompt = fits[0] if fits else PROMPTS[-1]
        place = {"depth": self._prompt // 2, "prompt": self._prompt}
        figures: dict[str, float] = {}
        for batch in (True, False):
            wanted = tuple(n for n in workloads if (n in BATCH) == batch and n != "crowded")
            if wanted:
                figures |= child.ask(_order(profile, wanted, batch, **place))
        if "crowded" in workloads:
            with _crowd():
                order = _order(profile, ("decode1",), False, **place)
                figures["crowded"] = child.ask(order)["decode1"]
        return figures

    def _child(self, setup: Setup) -> "Child":
        if setup not in self._children:
            if len(self._children) >= CHILDREN:
                self._children.popitem(last=False)[1].close()
            try:
                self._children[setup] = Child(self._file(setup.weights), setup)
            except LecternError as error:
                raise TrialFailed(str(error)) from error
        self._children.move_to_end(setup)
        return self._children[setup]


class Child:
    """A process with one loaded model that times what it is told to."""

    def __init__(self, path: Path, setup: Setup) -> None:
        # `env` sets and clears what must stand in the environment before the library is loaded.
        clear = [word for name in OPENMP for word in ("-u", name)]
        given = [f"{name}={value}" for name, value in environment(setup.wait_policy).items()]
        program = [sys.executable, "-m", "workers.engine.trial", str(path.resolve())]
        knobs = ["on" if on else "off" for on in (setup.repack, setup.mmap)]
        self._process = subprocess.Popen(
            ["env", *clear, *given, *program, *knobs, str(setup.gpu_layers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=ROOT,
        )

    def ask(self, order: Mapping[str, Any]) -> dict[str, float]:
        """Have it timed. Raises TrialFailed when the process ends, or takes far too long."""
        orders, answers = self._process.stdin, self._process.stdout
        if orders is None or answers is None:
            raise TrialFailed("the process has no pipes")
        try:
            orders.write(json.dumps(order).encode() + b"\n")
        except BrokenPipeError as error:
            raise TrialFailed("the process has ended") from error
        if not select.select([answers], [], [], PATIENCE_SECONDS)[0]:
            raise TrialFailed("it took too long")
        line = answers.readline()
        told = json.loads(line) if line else {"error": "the process ended"}
        if "error" in told:
            raise TrialFailed(told["error"])
        return {name: float(figure) for name, figure in told.items()}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _order(
    profile: Profile, workloads: tuple[str, ...], batch: bool, *, depth: int, prompt: int
) -> dict[str, Any]:
    """In a context such as the background's or people's sequences run in."""
    flash = profile.batch_flash_attention if batch else profile.flash_attention
    return {
        "threads": profile.threads,
        "prefill_threads": profile.prefill_threads,
        "batch_tokens": profile.step_tokens,
        "ubatch_tokens": profile.ubatch_tokens,
        "flash_attention": flash,
        "kv_type": profile.kv_type,
        "workloads": workloads,
        "depth": depth,
        "prompt": prompt,
    }


@contextmanager
def _crowd() -> Iterator[None]:
    """Somebody else who wants a core, for the time of the block."""
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()
