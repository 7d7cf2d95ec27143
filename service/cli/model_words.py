"""The words of `lectern models`."""

from argparse import SUPPRESS, ArgumentParser
from pathlib import Path

from service.cli.making import add_making


def add_models(models: ArgumentParser) -> None:
    """Every action, each with its own words; `list` goes without saying."""
    shared = ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=SUPPRESS, help="for programs")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", parents=[shared], help="what is here, and which one is in use")
    for action, text in (
        ("show", "all that is known of one: sums, header, memory"),
        ("examine", "load it in a process that may die, and say what it is"),
    ):
        one = actions.add_parser(action, parents=[shared], help=text)
        one.add_argument("name", type=_name_or_file, metavar="NAME|FILE.gguf")
    _add_recommend(
        actions.add_parser("recommend", parents=[shared], help="what suits this machine, and why")
    )
    _add_pull(actions.add_parser("pull", parents=[shared], help="fetch a model"))
    export = actions.add_parser(
        "export", parents=[shared], help="write a bundle for a host offline"
    )
    export.add_argument("name", metavar="NAME")
    export.add_argument("file", type=Path, metavar="FILE.tar")
    take_in = actions.add_parser("import", parents=[shared], help="read such a bundle")
    take_in.add_argument("file", type=Path, metavar="FILE.tar")
    take_in.add_argument("--name", help="what to call it (default: as it was called)")
    remove = actions.add_parser(
        "rm", parents=[shared], help="remove a model, or what was begun of one"
    )
    remove.add_argument("name", metavar="NAME")
    use = actions.add_parser("use", parents=[shared], help="have the workers load another model")
    which = use.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME", help="of a model here, or: bundled")
    which.add_argument("--path", type=Path, metavar="FILE", help="a GGUF file that lies elsewhere")
    use.add_argument("--no-wait", action="store_true", help="do not wait until it works")
    add_making(actions, shared)


def _name_or_file(given: str) -> str | Path:
    """A file, which is meant where the command is given, or a name of the shelf."""
    return Path(given) if "/" in given or given.endswith(".gguf") else given


def _add_recommend(recommend: ArgumentParser) -> None:
    recommend.add_argument("--language", choices=["en", "zh-TW"], help="that it must write well")
    recommend.add_argument(
        "--for", dest="use", choices=["questions", "summaries"], default="questions"
    )
    recommend.add_argument(
        "--memory", dest="memory_gb", type=float, metavar="GB", help="of another host, free"
    )
    recommend.add_argument("--all", action="store_true", help="the whole catalogue")


def _add_pull(pull: ArgumentParser) -> None:
    pull.add_argument(
        "what",
        metavar="MODEL",
        help="a name of `recommend`, OWNER/REPOSITORY[:FORMAT or FILE], or an address",
    )
    pull.add_argument("--revision", help="branch, tag or commit (default: the newest)")
    pull.add_argument("--name", help="what to call it here (default: as its file)")
    pull.add_argument("--sha256", metavar="SUM", help="that its file must have")
