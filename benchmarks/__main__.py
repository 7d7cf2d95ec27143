"""`python -m benchmarks`: results on standard output, progress on standard error."""

import sys

from benchmarks.arguments import parse
from benchmarks.environment import prepare, results

if __name__ == "__main__":
    arguments = parse()
    place = results()
    prepare()
    # Now, and not before: OpenMP reads its environment when it is loaded.
    from benchmarks.command import run

    sys.exit(run(arguments, place))
