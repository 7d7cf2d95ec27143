"""`python -m workers.planning '{"model": "70B-Q4_K_M", …}'`: a plan as one line of JSON.

With `{"check": true}` published figures beside predictions. The line is `{"result": …}` or
`{"error": {"code": …, "message": …}}`, and the exit status 1 after an error.
"""

import json
import sys

import structlog

from ingest.errors import LecternError
from workers.planning import comparison, plan
from workers.planning.asked import Asked


def main() -> int:
    """Plan or compare; returns the exit status."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    words = json.loads(sys.argv[1])
    try:
        result = comparison.told() if words.get("check") else plan.told(plan.made(Asked.of(words)))
    except LecternError as error:
        print(json.dumps({"error": {"code": error.code, "message": str(error)}}), flush=True)
        return 1
    print(json.dumps({"result": result}, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
