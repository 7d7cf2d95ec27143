"""The words of the command line. Imports nothing heavy."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path


def parse(words: Sequence[str] | None = None) -> Namespace:
    """The command line as a namespace."""
    asked = ArgumentParser(prog="lectern eval", description="Measure how good summaries are.")
    asked.add_argument("what", choices=["summaries"])
    asked.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="QMSum's JSON lines"
    )
    asked.add_argument("--limit", type=int, default=10, metavar="N", help="first N meetings")
    asked.add_argument("--length", type=int, default=100, metavar="N", help="words (default 100)")
    asked.add_argument("--json", action="store_true", help="print JSON for programs")
    return asked.parse_args(words)
