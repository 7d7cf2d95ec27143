"""`./lectern eval summaries`: results on standard output, progress on standard error."""

import sys

from benchmarks.environment import prepare, results
from benchmarks.evaluation.arguments import parse

if __name__ == "__main__":
    arguments = parse()
    place = results()
    prepare()
    from benchmarks.evaluation.summaries import run

    sys.exit(run(arguments, place))
