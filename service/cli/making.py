"""`lectern models convert`, `imatrix`, `quantize` and `report`: their words, what came of it."""

import math
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from service.cli.screen import Screen, cells

Told = dict[str, Any]
GB = 1e9
AUTO = "auto"


def add_making(actions: "_SubParsersAction[ArgumentParser]", shared: ArgumentParser) -> None:
    """What turns a model into others."""
    convert = actions.add_parser(
        "convert", parents=[shared], help="make a GGUF of a model's folder as Hugging Face has it"
    )
    convert.add_argument("folder", type=Path, metavar="FOLDER")
    convert.add_argument("--name", help="what to call it (default: as its folder, and the type)")
    convert.add_argument("--type", default="F16", metavar="F16|BF16", help="default: F16")
    _add_imatrix(
        actions.add_parser(
            "imatrix", parents=[shared], help="find out which weights a text uses most"
        )
    )
    _add_quantize(
        actions.add_parser(
            "quantize", parents=[shared], help="make other formats, and compare them"
        )
    )
    _add_report(
        actions.add_parser("report", parents=[shared], help="compare formats of a model again")
    )


def _add_imatrix(imatrix: ArgumentParser) -> None:
    imatrix.add_argument("name", metavar="NAME", help="a model here, best an F16")
    imatrix.add_argument(
        "--text", type=Path, nargs="+", metavar="FILE", help="plain text to calibrate with"
    )
    imatrix.add_argument("--collection", metavar="NAME", help="or the documents of a collection")
    imatrix.add_argument("--chunks", type=int, help="of 512 tokens to read (default: 100)")


def _add_quantize(quantize: ArgumentParser) -> None:
    quantize.add_argument("name", metavar="NAME", help="a model here, best an F16; or: bundled")
    quantize.add_argument(
        "--to", nargs="+", required=True, metavar="FORMAT", help="such as Q4_K_M, or several"
    )
    quantize.add_argument(
        "--imatrix",
        type=lambda word: word if word == AUTO else Path(word),
        metavar="FILE|auto",
        help="importance matrix; auto: what `imatrix` made",
    )
    quantize.add_argument(
        "--name", dest="name_as", metavar="NEW", help="what to call it (default: name and format)"
    )


def _add_report(report: ArgumentParser) -> None:
    report.add_argument("names", nargs="+", metavar="NAME")
    report.add_argument(
        "--against", metavar="BASE", help="model to compare with (default: what it was made from)"
    )
    report.add_argument(
        "--text", type=Path, nargs="+", metavar="FILE", help="to read (default: a text of ours)"
    )
    report.add_argument("--chunks", type=int, help="of 512 tokens to read (default: all)")


def beside(name: str, report: Told) -> str:
    """How a model reads beside the one that it was made from, in a line."""
    return (
        f"{name}: KL divergence {report['divergence']:.4f} from {report['against']}, "
        f"{report['agreement']:.1%} the same likeliest token"
    )


def _converted(screen: Screen, told: Told) -> None:
    licence = told["licence"] or "not told"
    screen.line(f"{told['name']}: {told['size'] / GB:.2f} GB, licence {licence}")
    screen.line(f"`lectern models quantize {told['name']} --to Q4_K_M` makes it smaller")


def _weighed(screen: Screen, told: Told) -> None:
    datasets = ", ".join(told["datasets"])
    screen.line(
        f"importance of {told['weights']} weights of {told['name']}, from {told['chunks']} chunks "
        f"of {datasets}: {told['path']}"
    )
    if told["unused"]:
        screen.line(f"{told['unused']} experts were never asked: their weights count alike")


def _quantised(screen: Screen, told: Told) -> None:
    for name in told["made"]:
        screen.line(f"made {name}")
    if told["report"]:
        _reported(screen, told["report"])


def _reported(screen: Screen, told: Told) -> None:
    table = screen.table(
        "model",
        "format",
        "GB",
        "bits",
        "perplexity",
        "KL divergence",
        "same likeliest",
        "reads t/s",
        "writes t/s",
        "mostly",
    )
    for row in told["rows"]:
        table.add_row(*cells(*_row(row)))
    screen.show(table)
    text = ", ".join(told["text"])
    screen.line(
        f"perplexity, divergence from {told['against']} (nats) and agreement on {told['tokens']:,} "
        f"tokens of {text}, ± standard error; speeds with {told['threads']} threads, the middle "
        "of turns and their range; mostly: what most weights really are"
    )
    if told["left_out"]:
        screen.line(f"{told['left_out']:,} characters left out: a matrix was computed from them")
    screen.line(f"chart: {told['chart']}")


def _row(row: Told) -> tuple[str, ...]:
    reading = row["reading"]
    loss, perplexity = row["loss"], math.exp(row["loss"]["mean"])
    return (
        row["name"],
        row["format"] + (" + imatrix" if row["matrix"] else ""),
        f"{row['size'] / GB:.3f}",
        f"{row['bits']:.2f}",
        f"{perplexity:.3f} ± {perplexity * loss['error']:.3f}",
        f"{reading['divergence']['mean']:.5f} ± {reading['divergence']['error']:.5f}"
        if reading
        else "",
        f"{reading['agreement']['mean']:.1%} ± {reading['agreement']['error']:.1%}"
        if reading
        else "",
        _rate(row["speed"]["prefill"]),
        _rate(row["speed"]["decode"]),
        row["mostly"],
    )


def _rate(rate: Told) -> str:
    return f"{rate['middle']:.0f} ({rate['least']:.0f}–{rate['most']:.0f})"


MADE: Mapping[str, Callable[[Screen, Told], None]] = {
    "convert": _converted,
    "imatrix": _weighed,
    "quantize": _quantised,
    "report": _reported,
}
