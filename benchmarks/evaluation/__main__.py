"""`./lectern eval`: results on standard output, progress on standard error."""

import sys
from argparse import Namespace
from typing import TextIO

from benchmarks.environment import prepare, results
from benchmarks.evaluation.arguments import parse


def run(arguments: Namespace, place: TextIO) -> int:
    """What was asked for; each loads only what it needs."""
    if arguments.what == "retrieval":
        from benchmarks.evaluation import retrieval  # noqa: PLC0415 - heavy

        return retrieval.run(arguments, place)
    prepare()
    if arguments.what == "answers":
        from benchmarks.evaluation import answers  # noqa: PLC0415 - after `prepare`

        return answers.run(arguments, place)
    from benchmarks.evaluation import summaries  # noqa: PLC0415 - after `prepare`

    return summaries.run(arguments, place)


if __name__ == "__main__":
    sys.exit(run(parse(), results()))
