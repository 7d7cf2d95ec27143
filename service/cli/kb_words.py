"""The words of `lectern kb`."""

from argparse import SUPPRESS, ArgumentParser


def add_kb(kb: ArgumentParser) -> None:
    """`list`, which goes without saying, and `reindex`."""
    shared = ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=SUPPRESS, help="for programs")
    shared.add_argument("--url", default=SUPPRESS, help="address of the service")
    actions = kb.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", parents=[shared], help="collections and what indexes they have")
    reindex = actions.add_parser(
        "reindex",
        parents=[shared],
        help="embed anew by the embedder that is set, or make a damaged index anew",
    )
    reindex.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="collections, by name or id (default: those of another embedder)",
    )
    reindex.add_argument("--dry-run", action="store_true", help="only say what it would take")
    reindex.add_argument("--night", action="store_true", help="let it wait for the night")
    reindex.add_argument("--no-wait", action="store_true", help="do not wait until it is done")
