"""The words of the command line. Imports nothing heavy."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

NAMES = (
    "summaries",
    "followups",
    "first_question",
    "four_users",
    "chat_under_load",
    "knowledge_base",
    "scheduler_overhead",
    "roofline",
    "summaries_service",
)


def parse(words: Sequence[str] | None = None) -> Namespace:
    """The command line as a namespace."""
    asked = ArgumentParser(prog="lectern bench", description="Measure Lectern beside its peers.")
    asked.add_argument("--quick", action="store_true", help="everything small, in 20 minutes")
    asked.add_argument("--json", action="store_true", help="print a JSON list for programs")
    asked.add_argument("--data", type=Path, metavar="PATH", help="texts to use, not made ones")
    asked.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    return asked.parse_args(words)
