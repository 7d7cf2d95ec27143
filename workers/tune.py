"""`python -m workers.tune [--json] [--quick]`: measures this machine and keeps its profile.

With --json each line is an object: `{"measuring": knob, "value": …, "seconds": …}` while it goes
on, `{"profile": …, "path": …}` at the end.
"""

import argparse
import fcntl
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import structlog

from ingest.errors import LecternError
from ingest.processor import multiplies_bfloat16
from ingest.settings import settings as ingest_settings
from workers import homes
from workers.engine import library, weights
from workers.engine import profile as profiles
from workers.engine.drift import SUFFIX
from workers.engine.knobs import knobs
from workers.engine.laboratory import Laboratory
from workers.engine.locking import locking
from workers.engine.machine import machine
from workers.engine.profile import Choice, Profile
from workers.engine.topology import topology
from workers.engine.tuner import TrialFailed, Tuner
from workers.errors import TuningFailed
from workers.settings import Settings, models_folder, settings

#: Seconds of measuring; making the formats of the bundled model comes on top the first time.
QUICK_SECONDS, FULL_SECONDS = 45.0, 300.0


def main() -> None:
    """Measure, store and print. Exits with 1 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m workers.tune", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quick", action="store_true", help="within a minute")
    parser.add_argument("--missing", action="store_true", help="only if it was never done")
    given = parser.parse_args()
    tell = _json if given.json else _words
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    homes.settle(claims=False)  # as a worker would: the profile is that of one node
    try:
        library.check()
        library.quiet()
        with _alone():
            source = weights.source(settings().model)
            known = profiles.measured(source) if given.missing else None
            tuned = known or tune(settings(), quick=given.quick, tell=tell)
        tell({"profile": asdict(tuned), "path": str(profiles.place(source))})
    except LecternError as error:
        tell({"error": {"code": error.code, "message": str(error)}})
        sys.exit(1)


def tune(settings: Settings, *, quick: bool, tell: Callable[[dict[str, Any]], None]) -> Profile:
    """Measure this machine and store what was found. Raises ModelMissing or TuningFailed."""
    if settings.rpc_servers:
        raise TuningFailed(reason="a model that is split over hosts is not measured")
    source, folder = weights.source(settings.model), models_folder(ingest_settings().data)
    budget, began = QUICK_SECONDS if quick else FULL_SECONDS, time.monotonic()

    def file(form: str) -> Path:
        return weights.chosen(settings.model, folder, form)

    def hear(knob: str, value: str) -> None:
        seconds = round(time.monotonic() - began, 1)
        tell({"measuring": knob, "value": value, "seconds": seconds, "budget": budget})

    fixed = profiles.fixes(settings)
    start = replace(profiles.fallback(settings), **fixed)
    every = knobs(topology(), quick=quick, bfloat16=multiplies_bfloat16())
    tried = [knob for knob in every if knob.name not in fixed]
    for form in {value for knob in tried if knob.name == "weights" for value in knob.values}:
        hear("weights", f"making {form}")
        file(form)
    began = time.monotonic()
    with Laboratory(file, budget) as laboratory:
        try:
            found = Tuner(laboratory.measure, budget, hear).run(start, tuple(tried))
        except TrialFailed as error:
            _give_up(start, source, str(error))
            raise TuningFailed(reason=error) from error
    lock = locking(file(found.weights))
    found = replace(found, mlock=lock.value == "True", choices=(*found.choices, lock))
    _store(found, source, quick)
    return found


def _store(profile: Profile, source: Path, quick: bool) -> None:
    place = profiles.place(source)
    about = asdict(machine()) | {"model": source.name, "at": time.time(), "quick": quick}
    profiles.store(profile, place, about)
    place.with_suffix(SUFFIX).unlink(missing_ok=True)


def _give_up(start: Profile, source: Path, reason: str) -> None:
    """Keep the safe values, so that not each start of a worker tries in vain."""
    if profiles.measured(source) is None:
        why = Choice("threads", str(start.threads), f"could not be measured: {reason}", 0.0)
        _store(replace(start, choices=(why,)), source, quick=True)


@contextmanager
def _alone() -> Iterator[None]:
    """Workers that start together measure once."""
    folder = ingest_settings().data / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tune.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _json(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


def _words(told: dict[str, Any]) -> None:
    if "measuring" in told:
        print(f"{told['seconds']:5.1f} s  {told['measuring']} {told['value']}", flush=True)
    elif "error" in told:
        print(f"error: {told['error']['message']}", file=sys.stderr)
    else:
        for choice in told["profile"]["choices"]:
            print(f"{choice['knob']}: {choice['value']} ({choice['reason']})")


if __name__ == "__main__":
    main()
