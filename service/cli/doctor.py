"""`lectern doctor`: looks at this machine and at what runs on it, and names the way out."""

import json
import platform
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ingest.database import require_schema
from ingest.errors import SchemaOutdated
from ingest.settings import settings as library_settings
from service.cli import machine, pieces
from service.cli.client import default_url
from service.cli.errors import PieceMissing
from service.cli.lock import running
from service.cli.parts import readiness, redis_server
from service.cli.screen import Screen, cells
from service.cli.settings import settings
from service.settings import settings as service_settings

GB = 1_000_000_000
ENGINE_CHECK_S = 120.0
ENGINE_QUESTION = ["-m", "workers.doctor", "--json"]


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `way_out` is empty when nothing need be done."""

    name: str
    verdict: Verdict
    found: str
    way_out: str = ""


MARKS = {Verdict.OK: "✓ ok", Verdict.WARN: "! warn", Verdict.FAIL: "✗ fail"}


def run(arguments: Namespace) -> int:
    """Check everything. Returns 1 when something failed."""
    screen = Screen(arguments.json)
    checks = list(examine())
    if screen.as_json:
        screen.result({"checks": [asdict(check) for check in checks]})
    else:
        table = screen.table("", "check", "found")
        for check in checks:
            found = f"{check.found} → {check.way_out}" if check.way_out else check.found
            table.add_row(*cells(MARKS[check.verdict], check.name, found))
        screen.show(table)
    return int(any(check.verdict is Verdict.FAIL for check in checks))


def examine() -> Iterator[Check]:
    """The checks, from the machine up to the service."""
    yield _python()
    yield from _hardware()
    yield _disk(library_settings().data)
    yield _piece("llama.cpp", pieces.engine)
    yield _piece("model file", pieces.model)
    yield _piece("embedder", pieces.embedder)
    yield from _engine()
    yield _database()
    yield _address()
    yield _store("redis", settings().redis_url, lambda: str(redis_server()))
    yield _store("chroma", library_settings().chroma_url, _chroma)
    yield from _service()


def _python() -> Check:
    return Check("python", Verdict.OK, f"{platform.python_version()}, {sys.prefix}")


def _hardware() -> Iterator[Check]:
    model, flags = machine.cpu()
    useful = ", ".join(flags) or "none of AVX2, AVX-512, AMX"
    verdict = Verdict.OK if flags or platform.machine() != "x86_64" else Verdict.WARN
    yield Check("cpu", verdict, f"{model}: {useful}", "" if flags else "expect slow answers")
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    allowed = machine.allowed_cpus()
    few = allowed < 2
    found = f"{cores} physical, {allowed:g} allowed to this process"
    yield Check(
        "cores",
        Verdict.WARN if few else Verdict.OK,
        found,
        "give the machine or container two cores or more" if few else "",
    )
    limit = machine.memory_limit()
    free = min(psutil.virtual_memory().available, limit)
    short = free < 2 * GB
    yield Check(
        "memory",
        Verdict.WARN if short else Verdict.OK,
        f"{limit / GB:.1f} GB, {free / GB:.1f} GB free",
        "the default models want 2 GB free" if short else "",
    )


def _disk(data: Path) -> Check:
    place = data.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < 2 * GB:
        return Check(
            "disk",
            Verdict.FAIL if free < GB // 5 else Verdict.WARN,
            f"{free / GB:.1f} GB free at {place}",
            "make room, or set LECTERN_DATA to another disk",
        )
    return Check("disk", Verdict.OK, f"{free / GB:.1f} GB free at {place}")


def _piece(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, Verdict.OK, look())
    except PieceMissing as missing:
        return Check(
            name, Verdict.FAIL, str(missing.details["what"]), str(missing.details["way_out"])
        )


def _engine() -> Iterator[Check]:
    """What the workers say of the engine: build, native code, RPC, threads, profile."""
    command = [sys.executable, *ENGINE_QUESTION]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=ENGINE_CHECK_S, check=False
        )
    except subprocess.TimeoutExpired:
        yield Check("engine", Verdict.WARN, f"no answer within {ENGINE_CHECK_S:.0f} s")
        return
    try:
        yield from [
            Check(one["name"], Verdict(one["verdict"]), one["found"], one.get("way_out", ""))
            for one in json.loads(told.stdout)["checks"]
        ]
    except (ValueError, KeyError, TypeError):
        lines = told.stderr.strip().splitlines()
        yield Check("engine", Verdict.WARN, lines[-1] if lines else "could not be asked")


def _database() -> Check:
    url = make_url(library_settings().resolved_database_url)
    shown = url.render_as_string(hide_password=True)
    if url.database and url.drivername.startswith("sqlite") and not Path(url.database).exists():
        return Check("database", Verdict.OK, f"{shown}, made by the first start")
    try:
        require_schema()
    except SchemaOutdated as error:
        return Check("database", Verdict.WARN, f"{shown}: {error}", "./lectern up migrates it")
    except SQLAlchemyError as error:
        reason = str(error.args[0] if error.args else error).splitlines()[0]
        return Check("database", Verdict.FAIL, f"{shown}: {reason}", "check LECTERN_DATABASE_URL")
    return Check("database", Verdict.OK, shown)


def _store(name: str, url: str, bundled: Callable[[], str]) -> Check:
    if url:
        return Check(name, Verdict.OK, "set by its URL; ./lectern up does not start it")
    found = _piece(name, bundled)
    return Check(name, found.verdict, f"bundled: {found.found}", found.way_out)


def _chroma() -> str:
    program = Path(sys.executable).with_name("chroma")
    if program.exists():
        return str(program)
    raise PieceMissing(what="the Chroma server is not installed", way_out="run make run")


def _address() -> Check:
    chosen = service_settings()
    found = f"{chosen.host} {chosen.port} (LECTERN_HOST, LECTERN_PORT)"
    return Check("flag --host --port", Verdict.OK, found)


def _service() -> Iterator[Check]:
    holder = running(library_settings().data)
    url = str(holder["address"]) if holder and holder["address"] != "starting" else default_url()
    told = readiness(url)
    if told is None:
        yield Check("service", Verdict.WARN, f"nothing answers at {url}", "./lectern up")
        return
    since = f"pid {holder['pid']}" if holder else "started by somebody else"
    yield Check("service", Verdict.OK, f"{url}, {since}")
    for name, part in told.get("parts", {}).items():
        verdict, way_out = Verdict.OK, ""
        if not part["ok"] and name == "embedder":
            verdict, way_out = Verdict.WARN, "./lectern kb reindex"
        elif not part["ok"]:
            verdict = Verdict.FAIL
            way_out = f"look into {library_settings().data / 'logs' / name}.log"
        yield Check(f"service sees {name}", verdict, part.get("message") or "", way_out)
