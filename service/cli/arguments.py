"""The words of the command line. Knows what may be said, not what is done about it."""

from argparse import (
    SUPPRESS,
    ArgumentParser,
    Namespace,
    RawDescriptionHelpFormatter,
    _SubParsersAction,
)
from collections.abc import Sequence
from pathlib import Path

from service.cli.kb_words import add_kb
from service.cli.model_words import add_models
from service.cli.plan_words import add_plan
from service.cli.rpc_words import add_rpc_serve
from service.cli.words import add_schedules, add_webhooks
from workers.styles import Style, Tongue

DEFAULT_COLLECTION = "Library"

EPILOG = """\
exit status: 0 done · 1 an error or a failed job · 2 wrong usage · 130 stopped by Ctrl-C
settings:    LECTERN_HOST, LECTERN_PORT, LECTERN_DATA and others, see .env.example
"""


def parse(words: Sequence[str] | None = None) -> Namespace:
    """The command line as a namespace. Exits with 2 and a hint when it makes no sense."""
    top = ArgumentParser(
        prog="lectern",
        description="Read documents, summarise them, and ask them questions.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    top.add_argument("--from", dest="caller", type=Path, default=Path(), help=SUPPRESS)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    machine = ArgumentParser(add_help=False)
    machine.add_argument("--json", action="store_true", help="print JSON for programs")
    remote = ArgumentParser(add_help=False, parents=[machine])
    remote.add_argument("--url", help="address of the service (default: LECTERN_HOST and _PORT)")
    kept = ArgumentParser(add_help=False, parents=[remote])
    kept.add_argument("--collection", metavar="NAME", help="collection, by name or id")

    _add_of_host(commands, machine)
    _add_of_library(commands, remote, kept)
    return top.parse_args(words)


def _add_of_host(commands: "_SubParsersAction[ArgumentParser]", machine: ArgumentParser) -> None:
    """What is done with this machine and what is installed on it."""
    commands.add_parser("up", parents=[machine], help="start everything and stay up")
    commands.add_parser("doctor", parents=[machine], help="check this machine and what runs on it")
    tune = commands.add_parser(
        "tune", parents=[machine], help="find the engine's fastest settings, up to 5 minutes"
    )
    tune.add_argument("--quick", action="store_true", help="within a minute")
    add_models(
        commands.add_parser("models", parents=[machine], help="list, fetch, make, choose models")
    )
    add_plan(
        commands.add_parser(
            "plan", parents=[machine], help="predict what a model does on given hardware"
        )
    )
    commands.add_parser("migrate", parents=[machine], help="bring the database to this version")
    add_rpc_serve(
        commands.add_parser("rpc-serve", parents=[machine], help="lend this host to a large model")
    )
    _add_bench(
        commands.add_parser("bench", parents=[machine], help="measure the engine beside others")
    )
    _add_eval(commands.add_parser("eval", parents=[machine], help="measure how good Lectern is"))


def _add_of_library(
    commands: "_SubParsersAction[ArgumentParser]", remote: ArgumentParser, kept: ArgumentParser
) -> None:
    """What is asked of the service."""
    add = commands.add_parser("add", parents=[kept], help="add files and folders to the library")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
    add.add_argument("--no-wait", action="store_true", help="do not wait until they are read")
    add.add_argument("--to", metavar="DOC", help="add the file as a new version of this document")
    _add_summarize(
        commands.add_parser("summarize", parents=[kept], help="summarise a whole document")
    )
    _add_compare(
        commands.add_parser(
            "compare", parents=[kept], help="compare documents, or the two newest versions of one"
        )
    )
    _add_extract(
        commands.add_parser("extract", parents=[kept], help="take fields out of documents")
    )
    ask = commands.add_parser("ask", parents=[kept], help="ask a question, with citations")
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--document", metavar="DOC", help="ask this one alone: its id or its name")
    ask.add_argument("--conversation", metavar="ID", help="go on with a conversation")
    _add_jobs(commands.add_parser("jobs", parents=[remote], help="list, show, cancel, move jobs"))
    add_webhooks(commands.add_parser("webhooks", parents=[remote], help="who hears how jobs end"))
    add_schedules(
        commands.add_parser("schedules", parents=[remote], help="what is done again and again")
    )
    add_kb(commands.add_parser("kb", parents=[remote], help="collections and their indexes"))


def _add_compare(compare: ArgumentParser) -> None:
    compare.add_argument("documents", nargs="+", metavar="DOC", help="document id or its name")
    compare.add_argument("--focus", metavar="TEXT", help="only what concerns this subject")
    compare.add_argument("--language", choices=["en", "zh-TW"], help="of the overview")
    compare.add_argument("--dry-run", action="store_true", help="only say what it would take")


def _add_extract(extract: ArgumentParser) -> None:
    extract.add_argument("documents", nargs="+", metavar="DOC", help="its id, its name, or a file")
    extract.add_argument(
        "--schema", type=Path, required=True, metavar="FILE", help="JSON schema of the fields"
    )
    extract.add_argument("--instruction", default="", metavar="TEXT", help="what else to know")
    extract.add_argument("--csv", type=Path, metavar="FILE", help="write a table, CSV")
    extract.add_argument("--xlsx", type=Path, metavar="FILE", help="write a table, workbook")
    extract.add_argument("--evidence", action="store_true", help="tables: page and quote too")
    extract.add_argument("--dry-run", action="store_true", help="only say what it would take")
    extract.add_argument("--night", action="store_true", help="let it wait for the night")


def _add_summarize(summarize: ArgumentParser) -> None:
    summarize.add_argument("document", metavar="DOC", help="document id, its name, or a file")
    styles = ", ".join(Style)
    summarize.add_argument("--style", choices=list(Style), metavar="STYLE", help=f"one of {styles}")
    summarize.add_argument(
        "--length", type=int, metavar="N", help="words, in Chinese characters (20 to 1000)"
    )
    summarize.add_argument(
        "--language", choices=list(Tongue), help="to write in, when not the document's own"
    )
    summarize.add_argument("--instruction", metavar="TEXT", help="what you want of it, in words")
    summarize.add_argument("--dry-run", action="store_true", help="only say what it would take")
    summarize.add_argument("--night", action="store_true", help="let it wait for the night")


def _add_bench(bench: ArgumentParser) -> None:
    bench.add_argument("--quick", action="store_true", help="every workload small: 20 minutes")
    bench.add_argument("--only", nargs="+", metavar="NAME", default=[], help="these workloads")
    bench.add_argument("--data", type=Path, metavar="PATH", help="texts to use, not made ones")


def _add_eval(evaluation: ArgumentParser) -> None:
    evaluation.add_argument(
        "what", choices=["summaries", "retrieval", "answers"], help="each beside naive ways"
    )
    evaluation.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="meetings (QMSum); but for summaries also FinanceBench, DRCD, or a folder of them",
    )
    evaluation.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="first N meetings (default 10), or questions (retrieval: all; answers: 20 a set)",
    )
    evaluation.add_argument("--length", type=int, default=100, metavar="N", help="words to ask for")


def _add_jobs(jobs: ArgumentParser) -> None:
    jobs.usage = "lectern jobs [-h] [--json] [--url URL] [--accuracy | ID | cancel ID | front ID]"
    jobs.add_argument("words", nargs="*", metavar="ID | cancel ID | front ID")
    jobs.add_argument("--limit", type=int, default=20, metavar="N", help="newest N (default 20)")
    jobs.add_argument("--accuracy", action="store_true", help="how good the estimates were")
    jobs.set_defaults(usage_error=jobs.error)
