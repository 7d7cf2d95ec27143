"""What `lectern models` shows: tables of models, with the arithmetic behind them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.cli import making, using
from service.cli.screen import Screen, cells

GB, KIB = 1e9, 1024
Told = dict[str, Any]
CHINESE = ("weak", "fair", "good", "Taiwan")


def installed(screen: Screen, told: Told) -> None:
    """The bundled model and those on the shelf."""
    table = screen.table(
        "", "model", "format", "GB", "context", "KV a token", "tokens/s", "fits", "licence", "from"
    )
    bundled = told["bundled"]
    table.add_row(*_row("" if told["in_use"] else "✓", "bundled", bundled, bundled["path"], ""))
    for each in told["models"]:
        mark = "✓" if each["name"] == told["in_use"] else ""
        table.add_row(*_row(mark, each["name"], each["facts"], each["origin"], each["licence"]))
    screen.show(table)
    screen.line("fits: what it takes as the settings are, of what is free now; `show` has the sum")
    for each in told["models"]:
        if each["report"]:
            screen.line(making.beside(each["name"], each["report"]))
    for name in told["begun"]:
        screen.line(
            f"{name} was begun; `models pull` goes on with it, `models rm {name}` removes it"
        )
    if told["in_use"] and told["in_use"] not in {each["name"] for each in told["models"]}:
        screen.line(f"in use: {told['in_use']}")
    if told["fixed"]:
        screen.line(f"LECTERN_MODEL goes before: {told['fixed']}")


def _row(mark: str, name: str, facts: Told, origin: str, licence: str) -> Any:
    if "error" in facts:
        return cells(mark, name, "", "", "", "", "", "no", licence, facts["error"])
    return cells(
        mark,
        name,
        facts["format"],
        f"{facts['size'] / GB:.1f}",
        f"{facts['context']:,}",
        _kv(facts),
        _rates(facts),
        _fits(facts["fit"]),
        licence or facts["licence"],
        origin,
    )


def _kv(facts: Told) -> str:
    return f"{facts['kv_bytes_per_token'] / KIB:,.0f} KiB"


def _rates(facts: Told) -> str:
    if not facts["decode_rate"]:
        return "not measured"
    return f"{facts['decode_rate']:.1f}, reads {facts['prefill_rate']:.0f}"


def _fits(fit: Told) -> str:
    answer = "yes" if fit["fits"] else "no"
    return f"{answer}, {fit['needed'] / GB:.1f} of {fit['free'] / GB:.1f} GB"


def one(screen: Screen, told: Told) -> None:
    """All that is known of a model."""
    table = screen.table("", "")
    for name, value in _facts(told):
        table.add_row(*cells(name, value))
    for file in told["files"]:
        table.add_row(*cells(file["name"], f"{file['size']:,} bytes, SHA-256 {file['sha256']}"))
    for key, value in told["header"].items():
        table.add_row(*cells(key, value))
    screen.show(table)


def _facts(told: Told) -> Iterator[tuple[str, object]]:
    facts, found = told["facts"], told["examined"]
    yield "file", told["path"]
    if "origin" in told:
        yield "from", told["origin"]
    if "error" in facts:
        yield "unusable", facts["error"]
        return
    yield "licence", told.get("licence") or facts["licence"] or "not told"
    yield "format", f"{facts['format']}, {facts['parameters'] / 1e9:.2f} thousand million weights"
    yield "memory", f"{facts['memory']}: {facts['allows']}"
    yield "KV a token", f"{facts['kv_bytes_per_token']:,} bytes"
    yield "measured", f"{_rates(facts)} tokens/s" if facts["decode_rate"] else "not on this host"
    yield "takes", facts["fit"]["sum"]
    yield "fits", _fits(facts["fit"])
    yield "chat template", "its own" if facts["template"] else "none: ChatML is used"
    yield "examined", _examined(found) if found else "not yet; a worker does before it loads it"


def _examined(found: Told) -> str:
    cut = "its memory can be cut" if found["cuts"] else "its memory can't be cut"
    return f"llama-cpp-python {found['library']}: {cut}; it began with “{found['wrote']}”"


def examined(screen: Screen, told: Told) -> None:
    """What an examination found."""
    screen.line(f"{told['path']}: {_examined(told['examined'])}")


def recommended(screen: Screen, told: Told) -> None:
    """The picks, each with its sum and its command; or the whole catalogue."""
    free = told["free"] / GB
    if not told["models"]:
        screen.line(f"Nothing of the catalogue fits {free:.1f} GB and what was asked for; --all")
        return
    table = screen.table(
        "model", "GB", "KV a token", "needs", "tokens/s", "Chinese", "licence", "notes"
    )
    for each in told["models"]:
        table.add_row(*cells(*_recommendation(each)))
    screen.show(table)
    if not told["all"]:
        for each in told["models"]:
            screen.line(f"{each['command']}    # {each['repository']}, {each['format']}")
            screen.line(f"    {each['fit']['sum']}, of {free:.1f} GB", style="dim")
    screen.line(_basis(told))


def _recommendation(each: Told) -> Iterator[object]:
    guess, fit = each["guess"], each["fit"]
    yield each["name"]
    yield f"{each['bytes'] / GB:.1f}"
    yield f"{each['kv_bytes_per_token'] / KIB:,.0f} KiB"
    yield f"{fit['needed'] / GB:.1f} GB{'' if fit['fits'] else ', too much'}"
    yield f"about {guess['decode']:.1f}, reads {guess['prefill']:.0f}" if guess else ""
    yield CHINESE[each["chinese"]]
    yield each["licence"]
    thought = "always thinks first" if each["reasons"] else ""
    window = "nothing is cut or joined" if each["memory"] in ("window", "state") else ""
    yield "; ".join(note for note in (each["notes"], thought, window) if note)


def _basis(told: Told) -> str:
    measured = told["measured"]
    speed = (
        f"tokens/s are predictions: {measured}"
        if measured
        else "no speed is predicted: it was not measured (./lectern tune)"
    )
    return (
        f"For {told['use']}, {told['free'] / GB:.1f} GB of free memory and {told['cores']} cores; "
        f"{speed}. Sizes follow from published shapes; the order is a judgement, not a measurement."
    )


def pulled(screen: Screen, told: Told) -> None:
    """A model that is on the shelf now."""
    screen.line(f"{told['name']}: {told['size'] / GB:.1f} GB from {told['origin']}")
    if not told.get("stated", True):
        screen.line("its source states no SHA-256: what came was not compared with anything")
    screen.line(f"licence: {told['licence'] or 'not told'}")


def exported(screen: Screen, told: Told) -> None:
    """A bundle that was written."""
    screen.line(f"{told['file']}: {told['size'] / GB:.1f} GB; `models import` reads it elsewhere")


def removed(screen: Screen, told: Told) -> None:
    """What is free again."""
    screen.line(f"removed {told['removed']}: {told['freed'] / GB:.1f} GB are free again")


SHOWN: Mapping[str, Callable[[Screen, Told], None]] = {
    "list": installed,
    "show": one,
    "examine": examined,
    "recommend": recommended,
    "pull": pulled,
    "import": pulled,
    "export": exported,
    "rm": removed,
    "use": using.show,
    **making.MADE,
}
