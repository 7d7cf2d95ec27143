"""A profile in words: the choice for each knob, its reason, and what was measured."""

from collections.abc import Iterator, Sequence

from workers.engine.profile import Profile, Trial
from workers.engine.topology import Topology

#: What a workload is called where people read it.
NAMES = {
    "prefill": "prefill",
    "decode1": "1 row",
    "decode8": "8 sequences",
    "question": "24 rows",
    "crowded": "1 row beside a busy process",
    "rows2": "2 rows",
    "rows4": "4 rows",
    "rows8": "8 rows",
    "decode8x2": "8 sequences × 2 rows",
    "decode8x4": "8 sequences × 4 rows",
}


def knobs(profile: Profile, fixed: set[str]) -> Iterator[tuple[str, str]]:
    """Knob and explanation; a knob in `fixed` was set by the operator."""
    for choice in profile.choices:
        value = str(getattr(profile, choice.knob))
        reason = "set by the operator" if choice.knob in fixed else choice.reason
        trials = [trial for trial in profile.measured if trial.knob == choice.knob]
        values = list(dict.fromkeys(trial.value for trial in trials))
        compared = [f"{one}: {_figures(trials, one)}" for one in values]
        yield choice.knob, "; ".join([f"{value}, {reason}", *compared])


def figures(profile: Profile) -> str:
    """What was measured with all knobs as chosen."""
    return _figures([trial for trial in profile.measured if trial.knob == "chosen"], "")


def placement(machine: Topology, homes: Sequence[int]) -> str:
    """Where workers of this machine run; `homes`: the nodes that get one of their own."""
    cores = f"{machine.cores} cores"
    if machine.quota is not None:
        cores += f" by a quota of {machine.quota:g}"
    plans = [
        f"node {node.number}: cores {_ranges(node.processors)}, {node.memory_bytes / 1e9:.0f} GB"
        for node in machine.nodes
    ]
    on = (
        f"{cores} on {len(plans)} memory nodes" if len(plans) > 1 else f"{cores} on one memory node"
    )
    if not homes:
        return f"{on}: one worker" + (f" for all ({'; '.join(plans)})" if len(plans) > 1 else "")
    each = "one worker on each" if len(homes) > 1 else f"one worker, on node {homes[0]}"
    return f"{on}: {each}, its threads and memory kept there ({'; '.join(plans)})"


def _figures(trials: list[Trial], value: str) -> str:
    return ", ".join(
        f"{NAMES.get(trial.workload, trial.workload)} {trial.figure:g} {trial.unit}"
        for trial in trials
        if trial.value == value
    )


def _ranges(numbers: tuple[int, ...]) -> str:
    """`0-3,8` for 0, 1, 2, 3 and 8."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in runs)
