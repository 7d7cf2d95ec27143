"""The words of the command line. Imports nothing heavy."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path


def parse(words: Sequence[str] | None = None) -> Namespace:
    """The command line as a namespace."""
    asked = ArgumentParser(prog="lectern eval", description="Measure how good Lectern is.")
    asked.add_argument("what", choices=["summaries", "retrieval", "answers"])
    asked.add_argument(
        "--data", type=Path, required=True, metavar="PATH", help="QMSum, DRCD or FinanceBench"
    )
    asked.add_argument("--limit", type=int, metavar="N", help="first N meetings, or questions")
    asked.add_argument("--length", type=int, default=100, metavar="N", help="words (default 100)")
    asked.add_argument("--json", action="store_true", help="print JSON for programs")
    return asked.parse_args(words)
