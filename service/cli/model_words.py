"""The words of `lectern models`."""

from argparse import SUPPRESS, ArgumentParser


def add_models(models: ArgumentParser) -> None:
    """Every action, each with its own words; `list` goes without saying."""
    shared = ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=SUPPRESS, help="for programs")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", parents=[shared], help="what is here, and which one is in use")
    remove = actions.add_parser("rm", parents=[shared], help="remove a model")
    remove.add_argument("name", metavar="NAME")
    use = actions.add_parser("use", parents=[shared], help="have the workers load another model")
    which = use.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME", help="of a model here, or: bundled")
    which.add_argument("--path", metavar="FILE", help="a GGUF file that lies elsewhere")
    use.add_argument("--no-wait", action="store_true", help="do not wait until it works")
