"""`python -m service.cli`: runs one command and turns what goes wrong into one line."""

import json
import sys
from collections.abc import Sequence
from importlib import import_module

from ingest.errors import LecternError
from service.cli.arguments import parse

#: Loaded by name, so that `jobs` does not wait for the libraries of `up` and `migrate`.
COMMANDS = {
    "up": "service.cli.up",
    "doctor": "service.cli.doctor",
    "tune": "service.cli.tune",
    "models": "service.cli.models",
    "plan": "service.cli.plan",
    "migrate": "service.cli.migration",
    "add": "service.cli.add",
    "summarize": "service.cli.summarize",
    "extract": "service.cli.extract",
    "ask": "service.cli.ask",
    "compare": "service.cli.compare",
    "jobs": "service.cli.jobs",
    "webhooks": "service.cli.webhooks",
    "schedules": "service.cli.schedules",
    "rpc-serve": "service.cli.rpc_serve",
    "kb": "service.cli.kb",
    "bench": "service.cli.bench",
    "eval": "service.cli.evaluate",
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`; returns the exit status."""
    arguments = parse(words)
    command = import_module(COMMANDS[arguments.command])
    try:
        status = command.run(arguments)
    except LecternError as error:
        if arguments.json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}))
        print(f"error: {error} ({error.code})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone; there is nobody left to tell.
        sys.stderr.close()
        return 1
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
