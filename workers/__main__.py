"""`python -m workers`: one worker process."""

import os

#: Read by libraries when they are loaded, so they are set before anything is imported.
QUIET = {
    "HF_HUB_OFFLINE": "1",  # models are folders; nothing is ever fetched
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "LANGSMITH_TRACING": "false",  # documents never leave the building
    "LANGCHAIN_TRACING_V2": "false",
}
os.environ.update(QUIET)

from workers.homes import settle  # noqa: E402 - loads none of those libraries
from workers.preparation import openmp  # noqa: E402 - neither does this

settle()  # threads and memory of whatever is loaded from here on stay there

os.environ.update({**openmp(), **os.environ})

from workers.process import serve  # noqa: E402

if __name__ == "__main__":
    serve()
