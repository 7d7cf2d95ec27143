"""`python -m benchmarks.guide.answering`: one contestant in a process of its own.

What it shall do comes as JSON on standard input, what it took leaves as JSON on standard output.
Times are of the machine's monotonic clock, which the process that started this one reads too.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from typing import Any

from benchmarks.guide import memory
from benchmarks.guide.contestants import CONTESTANTS, imports

#: A prompt whose beginning was read before is a new one to transformers.
KINDS = {"lectern": ("short", "long", "known"), "pytorch": ("short", "long")}


def main() -> None:
    """Load, answer, tell."""
    place = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print
    told = json.load(sys.stdin)
    imports(told["contestant"])
    imported, empty = time.monotonic(), memory.held()
    contestant = CONTESTANTS[told["contestant"]](told)
    loaded, filled = time.monotonic(), memory.held()
    contestant.answer(told["opening"], 1)
    opened = time.monotonic()
    replies = [
        {
            "kind": asked["kind"],
            "prompt": len(asked["ids"]),
            **asdict(contestant.answer(asked["ids"], told["tokens"])),
        }
        for asked in told["prompts"]
        if asked["kind"] in KINDS[told["contestant"]]
    ]
    found: dict[str, Any] = {
        "imported": imported,
        "loaded": loaded,
        "opened": opened,
        "replies": replies,
        "memory": {"imported": empty, "loaded": filled, "answered": memory.held()},
    }
    print(json.dumps(found), file=place, flush=True)
    place.close()
    os._exit(0)  # what tearing a library down takes is not what is measured


if __name__ == "__main__":
    main()
