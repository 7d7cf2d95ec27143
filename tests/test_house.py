"""The house rules that a program can check: what is written about the tree is true of it."""

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from ingest.settings import Settings as IngestSettings
from service.cli.settings import Settings as LauncherSettings
from service.settings import Settings as ServiceSettings
from workers.settings import Settings as WorkerSettings

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("service", "workers", "ingest")
SETTINGS = (IngestSettings, WorkerSettings, ServiceSettings)
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "base", "manager", "misc"}
MODULE_LINES = 300
FUNCTION_LINES = 60
#: Of compose.yaml alone, and read by no program of ours.
COMPOSE_VARIABLES = {"REDIS_PASSWORD", "POSTGRES_PASSWORD", "WORKERS", "PUBLISH", "GGML_NATIVE"}
INSTRUCTIONS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip


@cache
def tracked() -> tuple[str, ...]:
    """Files that git tracks or would track."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip("not a git checkout")
    return tuple(name for name in told.stdout.splitlines() if (ROOT / name).exists())


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def test_readme_tree_is_true() -> None:
    listed = dict(readme_tree())
    assert listed, "README.md has no fenced tree under “## The house”"
    bare = sorted(path for path, phrase in listed.items() if not phrase)
    assert not bare, f"listed without a word about it: {bare}"
    absent = sorted(path for path in listed if not any(stands_for(path, f) for f in tracked()))
    assert not absent, f"in README.md but not in the tree: {absent}"
    leaves = [p for p in listed if not any(o != p and o.startswith(p) for o in listed)]
    missing = [f for f in tracked() if not any(stands_for(path, f) for path in leaves)]
    assert not missing, f"in the tree but not in README.md: {missing}"


def stands_for(path: str, file: str) -> bool:
    """A listed file, a pattern of files, or a folder (`name/`) with all that is in it."""
    return file.startswith(path) if path.endswith("/") else fnmatch(file, path)


def readme_tree() -> Iterator[tuple[str, str]]:
    """Path and phrase of each line of the tree; depth is told by indentation or branch glyphs."""
    section = (ROOT / "README.md").read_text().partition("\n## The house\n")[2]
    fence = re.search(r"^```[^\n]*\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    above: list[tuple[int, str]] = []
    for line in fence.group(1).splitlines() if fence else []:
        flat = re.sub("[│├└─]", " ", line)
        name, _, phrase = flat.strip().partition(" ")
        if not name or name in {"./", "lectern/"}:
            continue
        depth = len(flat) - len(flat.lstrip())
        while above and above[-1][0] >= depth:
            above.pop()
        path = (above[-1][1] if above else "") + name
        if name.endswith("/"):
            above.append((depth, path))
        yield path, phrase.strip(" #")


def test_env_example_lists_every_setting_with_its_default() -> None:
    wanted: dict[str, str] = {}
    for kind in SETTINGS:
        for name, default in defaults(kind).items():
            assert wanted.setdefault(name, default) == default, f"{name} has two defaults"
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line))
    assert not [line for line in lines if line and not line.startswith("#")]
    assert set(given) - set(wanted) == COMPOSE_VARIABLES
    assert {name: given.get(name) for name in wanted} == wanted


def test_launcher_settings_are_settings_of_a_package() -> None:
    known = {name for kind in SETTINGS for name in defaults(kind)}
    assert set(defaults(LauncherSettings)) <= known


def defaults(kind: type[BaseSettings]) -> dict[str, str]:
    """Names and defaults as they are written in an environment."""
    told = {True: "on", False: "off"}
    return {
        f"LECTERN_{name.upper()}": (
            told[field.default] if isinstance(field.default, bool) else str(field.default)
        )
        for name, field in kind.model_fields.items()
    }


def test_no_distribution_claims_our_names() -> None:
    assert not set(PACKAGES) & set(packages_distributions())


def test_modules_are_small_and_named_for_what_they_hold() -> None:
    long = [f"{p.relative_to(ROOT)}: {n}" for p in modules() if (n := lines_of(p)) > MODULE_LINES]
    assert not long
    bad = [str(p.relative_to(ROOT)) for p in modules() if {p.stem, *p.parts} & FORBIDDEN_NAMES]
    assert not bad


def test_every_fault_of_the_list_has_a_test() -> None:
    listed = re.findall(r"^\| (\d+) \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    numbers = list(map(int, listed))
    assert numbers == list(range(1, 26))
    tried = {number for path in (ROOT / "tests").glob("test_*.py") for number in faults_in(path)}
    assert sorted(tried) == numbers


def faults_in(path: Path) -> Iterator[int]:
    """The numbers of the marks `pytest.mark.faults(number, …)`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.faults":
            yield from (ast.literal_eval(number) for number in node.args)


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES
    ]
    assert not long


def test_only_settings_read_the_environment() -> None:
    """The launcher hands it on to its children, the worker quiets its libraries by it."""
    allowed = {"service/cli/install.py", "service/cli/supervisor.py", "workers/__main__.py"}
    readers = {
        str(path.relative_to(ROOT))
        for path in modules()
        if path.name != "settings.py"
        and re.search(r"\bos\.environ\b|\bgetenv\b|import environ\b", path.read_text())
    }
    assert readers <= allowed


def test_pins_are_plain() -> None:
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    odd = [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", pin)]
    assert not odd
    assert not {"pip", "setuptools", "lectern"} & {pin.partition("==")[0] for pin in pins}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def test_compose_names_the_parts() -> None:
    parts = compose()["services"]
    assert set(parts) == {"service", "worker", "rpc", "migrate", "redis", "chroma", "database"}
    ours = [parts[name] for name in ("service", "worker", "migrate")]
    assert len({part["image"] for part in ours}) == 1
    for part in ours:
        assert {"LECTERN_REDIS_URL", "LECTERN_CHROMA_URL", "LECTERN_DATABASE_URL"} <= set(
            part["environment"]
        )
        assert (ROOT / part["build"]["dockerfile"]).is_file()
    assert "condition" in parts["worker"]["depends_on"]["migrate"]
    assert parts["migrate"]["restart"] == "no"
    assert "noeviction" in parts["redis"]["command"][2]
    for name in ("service", "redis", "chroma", "database"):
        assert parts[name]["healthcheck"]["test"]


def test_compose_lends_to_the_worker_alone() -> None:
    loaded = compose()
    lender = loaded["services"]["rpc"]
    assert loaded["networks"]["rpc"] == {"internal": True}
    beside = {n for n, part in loaded["services"].items() if "rpc" in part.get("networks", ())}
    assert beside == {"rpc", "worker"}
    assert lender["profiles"] == ["rpc"]
    assert set(lender["environment"]) == {"LECTERN_DATA"}
    assert (lender["env_file"], lender["volumes"]) == ([], ["rpc:/data"])
    assert "--open-to-anyone" not in str(lender["command"])


def test_compose_publishes_one_port_on_loopback() -> None:
    published = {
        name: part["ports"] for name, part in compose()["services"].items() if "ports" in part
    }
    assert published == {"service": ["${PUBLISH:-127.0.0.1:8000}:8000"]}


def test_compose_volumes_grace_and_variables() -> None:
    loaded = compose()
    used = {
        volume.split(":")[0]
        for part in loaded["services"].values()
        for volume in part.get("volumes", [])
    }
    assert used == set(loaded["volumes"])
    for name, part in loaded["services"].items():
        assert "stop_grace_period" in part or name == "migrate"
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    assert asked == COMPOSE_VARIABLES


def test_compose_chroma_is_the_pinned_one() -> None:
    pins = (ROOT / "constraints.txt").read_text()
    version = re.search(r"^chromadb==(.+)$", pins, re.MULTILINE)
    assert version
    assert compose()["services"]["chroma"]["image"] == f"chromadb/chroma:{version[1]}"


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and their arguments, continued lines joined, comments left out."""
    text = (ROOT / "deploy/Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def test_dockerfile_parses_and_keeps_the_rules() -> None:
    steps = dockerfile()
    assert {word for word, _ in steps} <= INSTRUCTIONS
    assert steps[0][0] == "FROM"
    starts = [number for number, (word, _) in enumerate(steps) if word == "FROM"]
    assert len(starts) == 2
    last = dict(steps[starts[-1] :])
    assert last["USER"] not in {"root", "0"}
    assert last["CMD"].startswith("[")
    assert "PYTHONPATH=/app" in last["ENV"]
    assert not any("[test]" in rest for _, rest in steps)


def test_dockerfile_copies_what_dockerignore_lets_in() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    copied = {
        source
        for word, rest in dockerfile()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("script", ["lectern", ".ci/run"])
def test_scripts_parse_and_can_be_run(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    shell = "bash" if "bash" in path.read_text().splitlines()[0] else "sh"
    subprocess.run([shell, "-n", str(path)], check=True)
