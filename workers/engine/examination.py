"""`python -m workers.engine.examination '{"path": …}'`: loads a model that nobody has loaded yet.

A process of its own that may crash, hang or swell; its limits are set before the file is opened.
The last line on standard output is what was found, or `{"error": …}`. What the file says is
untrusted, and so is what this process says: `workers.models.examining` believes its shape only.
"""

import ctypes
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from ingest.errors import LecternError
from workers.engine import library
from workers.engine.context import Context, Row, Shape
from workers.engine.model import Model
from workers.engine.template import ChatTemplate, Message
from workers.errors import ModelUnusable

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
OPEN_FILES = 64
CELLS, PROMPT_TOKENS, WRITTEN_TOKENS = 512, 128, 8
#: What tokens look like that hold messages apart; thoughts are no messages.
MARK, THOUGHTS = re.compile(r"[<\[].+[>\]]"), ("<think>", "</think>")
#: The conversations that Lectern has with a model: a question, and one that follows another.
TALK = (
    Message("system", "Be brief."),
    Message("user", "What is a levee?"),
    Message("assistant", "A bank along a river."),
    Message("user", "Who builds it?"),
)
CONVERSATIONS = (TALK[:2], TALK[1:2], TALK)


@dataclass(frozen=True, slots=True)
class Found:
    """What a model turned out to be when it was loaded."""

    architecture: str
    parameters: int
    context: int  #: tokens it was trained for
    vocabulary: int
    cuts: bool  #: whether its memory can be cut at any token (`Model.cuts`)
    recurrent: bool
    hybrid: bool
    window: int  #: tokens
    template: bool  #: whether it carries one; if not, ChatML is used
    thinks: bool  #: whether its template knows a thought
    wrote: str  #: its first tokens, for people to look at


#: A byte of a sign that no token stands for: part of a text like any other.
BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def main() -> None:
    """Examine the model and print what was found."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    output = _private_output()
    _limit(request)
    library.quiet()
    try:
        found: dict[str, Any] = asdict(examine(Path(request["path"])))
    except LecternError as error:
        found = {"error": str(error.details.get("reason", error))}
    except MemoryError:
        found = {"error": "it wants more memory than its header says"}
    os.write(output, json.dumps(found).encode() + b"\n")
    os._exit(0)  # what llama.cpp would do at the end concerns nobody


def examine(path: Path) -> Found:
    """Load a model, write some tokens with it and try its template. Raises ModelUnusable."""
    library.check()
    model = Model(path, repack=False)
    template = ChatTemplate(model)
    prompts = [template.prompt(talk).tokens for talk in CONVERSATIONS]
    _require_unforgeable(model, template)
    return Found(
        architecture=model.metadata("general.architecture") or "",
        parameters=model.parameters,
        context=model.trained_context,
        vocabulary=model.vocab_size,
        cuts=model.cuts,
        recurrent=bool(llama.llama_model_is_recurrent(model.handle)),
        hybrid=bool(llama.llama_model_is_hybrid(model.handle)),
        window=int(llama.llama_model_n_swa(model.handle)),
        template=model.chat_template is not None,
        thinks="<think>" in (model.chat_template or ""),
        wrote=_written(model, prompts[0]),
    )


def _require_unforgeable(model: Model, template: ChatTemplate) -> None:
    """No text of a user's may become one of the tokens that hold messages apart.

    llama.cpp recognises tokens that a file calls “user-defined” in any text, control tokens where
    it is told to; a file may call its control tokens what it likes.
    """
    frame = set(template.prompt(TALK).tokens) | model.endings
    for token in sorted(frame):
        text = model.token_text(token)
        if not MARK.fullmatch(text) or text in THOUGHTS or BYTE.fullmatch(text):
            continue
        if token in {*model.tokens(text), *model.tokens(f"x{text}x")}:
            raise ModelUnusable(
                path=model.path, reason=f"any text can contain its control token “{text}”"
            )


def _written(model: Model, prompt: Sequence[int]) -> str:
    """The likeliest tokens after a prompt. Raises ModelUnusable when there are no likelier ones."""
    if not llama.llama_model_has_decoder(model.handle):
        raise ModelUnusable(path=model.path, reason="it is no model that writes")
    shape = Shape(1, CELLS, PROMPT_TOKENS, PROMPT_TOKENS, 1, os.cpu_count() or 1, False)
    context = Context(model, shape)
    rows = list(prompt[:PROMPT_TOKENS])
    written: list[int] = []
    position = 0
    while len(written) < WRITTEN_TOKENS:
        last = len(rows) - 1
        context.decode([Row(t, position + n, 0, n == last) for n, t in enumerate(rows)])
        position += len(rows)
        logits = np.ctypeslib.as_array(
            llama.llama_get_logits_ith(context.handle, -1), shape=(model.vocab_size,)
        )
        if not np.isfinite(logits).all() or np.ptp(logits) == 0:
            raise ModelUnusable(path=model.path, reason="what it computes are no numbers")
        token = int(logits.argmax())
        if model.ends_generation(token):
            break
        written.append(token)
        rows = [token]
    return b"".join(model.piece(token) for token in written).decode("utf-8", "replace")


def _private_output() -> int:
    """Standard output for ourselves; what the library prints goes nowhere."""
    ours, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return ours


def _limit(request: dict[str, Any]) -> None:
    """Die with the parent, gain nothing, write no file, and take no more than was said."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != request["parent"]:
        os._exit(1)
    os.nice(5)
    for kind, most in (
        (resource.RLIMIT_AS, request["bytes"]),
        (resource.RLIMIT_CPU, request["seconds"] * (os.cpu_count() or 1)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        _, hard = resource.getrlimit(kind)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main()
