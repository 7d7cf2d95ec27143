"""Weights into other formats, by llama.cpp's own quantiser.

It runs in one call without a word but its log, so the log is where progress, sizes and reasons
are taken from (src/llama-quant.cpp). A dry run says beforehand what a file will measure.
"""

import ctypes
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from workers.engine import importance, library
from workers.engine.topology import usable_cores
from workers.errors import ModelUnusable

PREFIXES = ("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")
#: Formats that llama.cpp reads, but makes from nothing.
NOT_MADE = {"NVFP4"}
#: Format → its number.
FORMATS: dict[str, int] = {
    name.removeprefix(prefix): number
    for name, number in vars(llama).items()
    for prefix in PREFIXES
    if name.startswith(prefix) and name.removeprefix(prefix) not in NOT_MADE
}
#: Formats that hold weights as they were trained, to within a rounding of 16 bits.
WHOLE = ("F32", "F16", "BF16")
#: Rows of a tensor that are in memory at once: read, as floats, and written.
BUFFER_BYTES = 1 << 30
TENSOR = re.compile(r"\[ *(\d+)/ *(\d+)\]")
SIZE = re.compile(r"quant size += *([\d.]+) MiB \(([\d.]+) BPW\)")
FALLBACK = re.compile(r"WARNING: (\d+) of \d+ tensor\(s\) required fallback")
NEEDED = "will require an imatrix"
FAILED = "failed to quantize: "
LONGEST_WORD = 127  #: bytes of a text that may be noted in the file's header


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made, or would make."""

    size: int  #: bytes of all tensors, within 10 kB
    bits: float  #: per weight
    fallbacks: int  #: tensors whose shape does not suit the format, made in another
    needs_matrix: bool  #: the format is not made without an importance matrix


class _Log:
    """Reads llama.cpp's log while the quantiser runs."""

    def __init__(self, told: Callable[[int, int], None]) -> None:
        self.text = ""
        self._told, self._seen = told, 0

    def __call__(self, _level: int, text: bytes, _data: Any) -> None:
        self.text += text.decode("utf-8", "replace")
        for number, total in TENSOR.findall(self.text[self._seen :]):
            self._told(int(number), int(total))
        self._seen = max(self._seen, self.text.rfind("\n"))

    def outcome(self) -> Outcome:
        size, fallback = SIZE.search(self.text), FALLBACK.search(self.text)
        return Outcome(
            size=round(float(size[1]) * (1 << 20)) if size else 0,
            bits=float(size[2]) if size else 0.0,
            fallbacks=int(fallback[1]) if fallback else 0,
            needs_matrix=NEEDED in self.text,
        )

    def reason(self) -> str:
        _, found, rest = self.text.rpartition(FAILED)
        return rest.strip() if found else "llama.cpp does not say why"


def estimate(source: Path, form: str, matrix: importance.Importance | None = None) -> Outcome:
    """What `quantise` would make, in a moment. Raises ModelUnusable."""
    return _run(source, None, form, matrix, lambda _done, _total: None)


def quantise(
    source: Path,
    target: Path,
    form: str,
    matrix: importance.Importance | None,
    told: Callable[[int, int], None],
) -> Outcome:
    """Write `source` as `form` to `target`; `told` hears of each tensor.

    Takes up to two BUFFER_BYTES of memory and every core. Quantising what is quantised already
    rounds twice: whether that makes sense is the caller's to judge. What is left of a failed run
    is the caller's too. Raises ModelUnusable.
    """
    outcome = _run(source, target, form, matrix, told)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return outcome


def _run(
    source: Path,
    target: Path | None,
    form: str,
    matrix: importance.Importance | None,
    told: Callable[[int, int], None],
) -> Outcome:
    """Without a target nothing is written."""
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.nthread = FORMATS[form], usable_cores()
    params.allow_requantize, params.dry_run = True, target is None
    params.max_buf_size = BUFFER_BYTES
    means = matrix.means() if matrix is not None else {}
    given, notes = importance.as_given(means), _notes(matrix)
    if matrix is not None:
        params.imatrix, params.kv_overrides = given, notes
    log = _Log(told)
    listening = llama.llama_log_callback(log)
    llama.llama_log_set(listening, ctypes.c_void_p(0))
    try:
        code = llama.llama_model_quantize(
            str(source).encode(), str(target or os.devnull).encode(), params
        )
    finally:
        library.quiet()
    if code != 0:
        raise ModelUnusable(path=source, reason=f"it could not be made {form}: {log.reason()}")
    return log.outcome()


def _notes(matrix: importance.Importance | None) -> Any:
    """What upstream's tool notes of a matrix in the header of what was made with it."""
    if matrix is None:
        return (llama.llama_model_kv_override * 1)()
    notes: dict[str, str | int] = {
        "quantize.imatrix.file": "imatrix.gguf",
        "quantize.imatrix.dataset": ", ".join(matrix.datasets),
        "quantize.imatrix.entries_count": len(matrix.weights),
        "quantize.imatrix.chunks_count": matrix.chunks,
    }
    array = (llama.llama_model_kv_override * (len(notes) + 1))()  # the last one, nameless, ends it
    for place, (key, value) in zip(array, notes.items(), strict=False):
        place.key = key.encode()
        if isinstance(value, int):
            place.tag, place.value.val_i64 = llama.LLAMA_KV_OVERRIDE_TYPE_INT, value
        else:
            place.tag = llama.LLAMA_KV_OVERRIDE_TYPE_STR
            place.value.val_str = value.encode()[:LONGEST_WORD]
    return array
