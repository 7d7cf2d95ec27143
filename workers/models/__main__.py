"""`python -m workers.models COMMAND '{"word": …}'`: one command on the models of this host.

The words are a JSON object. Progress, and then the result, are lines as `telling` describes them;
the exit status is 1 after an error.
"""

import json
import sys

import structlog

from ingest.errors import LecternError
from workers.models.commands import command
from workers.models.telling import Lines, say


def main() -> int:
    """Run the command; returns the exit status."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    name, words = sys.argv[1], json.loads(sys.argv[2])
    try:
        say({"result": command(name)(Lines(), **words)})
    except LecternError as error:
        say({"error": {"code": error.code, "message": str(error)}})
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        say({"error": {"code": "storage_fault", "message": str(error)}})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
