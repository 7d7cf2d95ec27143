"""The words of `lectern webhooks` and `lectern schedules`."""

from argparse import SUPPRESS, ArgumentParser, _SubParsersAction
from pathlib import Path

ENDS = ("succeeded", "failed", "cancelled")


def add_webhooks(webhooks: ArgumentParser) -> None:
    """`list`, which goes without saying, `add`, `test` and `remove`."""
    actions = _actions(webhooks)
    add = actions.add_parser("add", parents=[_shared()], help="tell a URL how jobs end")
    add.add_argument("target", metavar="URL")
    add.add_argument("--on", nargs="+", choices=ENDS, default=list(ENDS), help="only these ends")
    add.add_argument("--kind", nargs="+", default=[], metavar="KIND", help="only of these jobs")
    _about_one(actions, "test", "send a message now and show what comes of it")
    _about_one(actions, "remove", "tell it nothing any more")


def add_schedules(schedules: ArgumentParser) -> None:
    """`list`, which goes without saying, `add`, `run` and `remove`."""
    actions = _actions(schedules)
    add = actions.add_parser("add", parents=[_shared()], help="have something done by itself")
    add.add_argument("cron", metavar="CRON", help="'minute hour day month weekday'")
    what = add.add_mutually_exclusive_group(required=True)
    what.add_argument("--summary", metavar="DOC", help="summarise a document: its id or name")
    what.add_argument(
        "--summaries", action="store_true", help="of documents that have none, of a collection"
    )
    what.add_argument("--watch", metavar="FOLDER", type=Path, help="add what comes into a folder")
    what.add_argument(
        "--mail", metavar="MAILBOX", help="add what comes into a mailbox, by its name"
    )
    add.add_argument("--collection", metavar="NAME", help="collection, by name or id")
    add.add_argument("--name", help="what to call it (default: what it does)")
    add.add_argument("--timezone", default="", metavar="ZONE", help="default: LECTERN_TIMEZONE")
    add.add_argument("--night", action="store_true", help="let its summaries wait for the night")
    _about_one(actions, "run", "do it now")
    _about_one(actions, "remove", "do it no more")


def _actions(parser: ArgumentParser) -> "_SubParsersAction[ArgumentParser]":
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", parents=[_shared()], help="what there is; goes without saying")
    return actions


def _about_one(actions: "_SubParsersAction[ArgumentParser]", name: str, text: str) -> None:
    action = actions.add_parser(name, parents=[_shared()], help=text)
    action.add_argument("id", metavar="ID")


def _shared() -> ArgumentParser:
    """`--json` and `--url` after the action as well; what stands before it is not forgotten."""
    shared = ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=SUPPRESS, help="for programs")
    shared.add_argument("--url", default=SUPPRESS, help="address of the service")
    return shared
