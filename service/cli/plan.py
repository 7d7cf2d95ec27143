"""`lectern plan`: what a model does on given hardware, predicted, and what the prediction is worth.

The arithmetic is the workers' (`python -m workers.planning`, docs/capacity.md); this shows it.
"""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from service.cli.errors import PlanFailed
from service.cli.screen import Screen, cells

PROGRAM = ["-m", "workers.planning"]
#: What the command line knows beside the words of a plan.
OURS = {"command", "json", "caller"}


def run(arguments: Namespace) -> int:
    """Plan or compare. Returns 0; what goes wrong is raised as PlanFailed."""
    words = {name: value for name, value in vars(arguments).items() if name not in OURS}
    if arguments.model and arguments.model.endswith(".gguf"):
        words["model"] = str(arguments.caller / Path(arguments.model).expanduser())
    screen, told = Screen(arguments.json), _told(words)
    if screen.as_json:
        screen.result(told)
    elif arguments.check:
        _compared(screen, told)
    else:
        _planned(screen, told)
    return 0


def _told(words: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, *PROGRAM, json.dumps(words)], capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    said = lines[-1] if lines else {}
    if "error" in said:
        raise PlanFailed(said["error"]["code"], said["error"]["message"])
    if "result" not in said:
        raise PlanFailed("plan_failed", "The planning ended without a result.")
    return dict(said["result"])


def _planned(screen: Screen, told: dict[str, Any]) -> None:
    model, machine, placement = told["model"], told["machine"], told["placement"]
    screen.line(
        f"{model['name']}: {model['weights'] / 1e9:.3g} G weights"
        + (f", {model['active'] / 1e9:.3g} G for a token" if _has_experts(model) else "")
        + f", {model['bits']:.2f} bits each, {model['bytes'] / 1e9:.1f} GB; "
        f"KV {model['kv_bytes_per_token'] / 1024:.0f} KiB a token",
        style="bold",
    )
    screen.line(f"on {_machine(machine)}")
    screen.line(f"{placement['why']}; {_memory(told)}")
    for each in machine["assumed"]:
        screen.line(f"assumed: {each}", style="dim")
    table = screen.table("", "predicted", "between", "why")
    for figure in told["figures"]:
        between = f"{_number(figure['low'])} – {_number(figure['high'])}"
        predicted = f"{_number(figure['value'])} {figure['unit']}"
        table.add_row(*cells(figure["name"], predicted, between, figure["why"]))
    screen.show(table)
    for line in (_other(told["other"]), _people(told["people"]), _cost(told["cost"])):
        if line:
            screen.line(line)
    work = told["work"]
    screen.line(
        f"questions of {work['prompt']:,} tokens with answers of {work['answer']:,}, summaries of "
        f"{work['document']:,}; between: nine of ten published figures (lectern plan --check)",
        style="dim",
    )


def _has_experts(model: dict[str, Any]) -> bool:
    """Whether a token meets so few of the weights that it must be said."""
    return bool(model["active"] < model["weights"] / 2)


def _machine(machine: dict[str, Any]) -> str:
    if not machine["bandwidth"]:
        return f"{machine['name']}: {machine['source']}"
    return (
        f"{machine['sockets']} × {machine['name']}: {machine['cores']} cores at "
        f"{machine['clock']} GHz, {machine['instructions']}, {machine['bandwidth'] / 1e9:.0f} GB/s "
        "a socket"
    )


def _memory(told: dict[str, Any]) -> str:
    """The sum of an engine, and of all."""
    return f"memory of an engine: {told['memory_words']}; all: {told['memory']['all'] / 1e9:.1f} GB"


def _other(other: dict[str, Any] | None) -> str:
    if not other:
        return ""
    return (
        f"{other['name']} instead: {_number(other['one_answer'])} tokens/s of one answer, first "
        f"token after {_number(other['first_token'])} s, {_number(other['questions'])} questions "
        f"an hour, {other['memory'] / 1e9:.1f} GB"
    )


def _people(people: dict[str, Any] | None) -> str:
    if not people:
        return ""
    asked = f"{people['users']} people ask {people['wanted']:,.0f} questions an hour: "
    if people["wait"] is None:
        return (
            f"{asked}more than can be answered even at the lower end; "
            f"there is room for {people['room_for']:,} people"
        )
    return (
        f"{asked}{people['load']:.0%} of what is answered at the lower end, each waits "
        f"{_number(people['wait'])} s for others on average; room for {people['room_for']:,} people"
    )


def _cost(cost: dict[str, Any] | None) -> str:
    if not cost:
        return ""
    return (
        f"an hour costs {_number(cost['hour'])} ({_number(cost['power'])} of it power), a thousand "
        f"questions {_number(cost['thousand_questions'])}, a thousand summaries "
        f"{_number(cost['thousand_summaries'])}"
    )


def _compared(screen: Screen, told: dict[str, Any]) -> None:
    table = screen.table(
        "", "machine", "model", "figure", "published", "predicted", "ratio", "note"
    )
    for row in told["figures"]:
        machine = f"{row['machine']}{' × 2, ' + row['placement'] if row['sockets'] > 1 else ''}"
        depth = f" at {row['depth']:,}" if row["depth"] else ""
        figures = (_number(row["published"]), _number(row["predicted"]), f"{row['ratio']:.2f}")
        what = f"{row['quantity']}{depth}"
        table.add_row(*cells(row["use"], machine, row["model"], what, *figures, row["note"]))
    screen.show(table)
    for name, found in told["summaries"].items():
        screen.line(
            f"{name}: {found['count']} figures, predicted ÷ published {found['median']:.2f} in the "
            f"middle, {found['worst']:.2f} at worst, {found['within']:.0%} within a factor of 1.5"
        )
    screen.line(
        "set: a constant was set by it · tested: none was · old: kernels replaced since · "
        "other: another program · guide: the llama.cpp guide; why each is off: docs/capacity.md",
        style="dim",
    )


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
