"""`python -m benchmarks.importance`: our importance matrix, perplexity and quantiser by upstream's.

On one model and one text: the matrix by Lectern and by llama-imatrix; perplexity and divergence by
Lectern and by llama-perplexity; a file quantised with the matrix by Lectern and by llama-quantize.
Upstream's programs are built from the source that the installed library was made of. Beside the
differences stands how much llama-imatrix differs from itself with other settings.
"""

import hashlib
import re
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from tempfile import TemporaryDirectory

import gguf
import numpy as np

from benchmarks.build import programs
from workers.engine import bundle, importance, library, quantiser
from workers.engine.chunks import CHUNK
from workers.engine.importance import Importance
from workers.engine.quality import Reference
from workers.engine.topology import usable_cores
from workers.models import matrix, texts

FORM = "Q4_0"
#: What upstream is told: to read as Lectern does, and as it would by itself.
ALIKE = ("-b", str(CHUNK), "-ub", str(CHUNK), "-fa", "off")
ITS_OWN = ("-b", "2048", "-ub", "512", "-fa", "on")
PERPLEXITY = re.compile(r"Final estimate: PPL = ([\d.]+)")
DIVERGENCE = re.compile(r"Mean +KLD: +([\d.]+)")


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two matrices, over all columns of all weights."""

    mean: float  #: relative
    most: float
    of_a_weight: float  #: the largest, as lengths of vectors: |a - b| / |b|
    counts: bool  #: whether both counted the same tokens


def difference(ours: Importance, theirs: Importance) -> Difference:
    """Of the mean squares, relative to `theirs`."""
    assert ours.weights.keys() == theirs.weights.keys()
    left, right = ours.means(), theirs.means()
    apart = {n: np.abs(left[n].astype(np.float64) - right[n]) for n in left}
    relative = np.concatenate([apart[n] / np.maximum(right[n], 1e-12) for n in left])
    return Difference(
        mean=float(relative.mean()),
        most=float(relative.max()),
        of_a_weight=max(
            float(np.linalg.norm(apart[n]) / np.linalg.norm(right[n].astype(np.float64)))
            for n in left
        ),
        counts=all(
            (ours.weights[n].counts == theirs.weights[n].counts).all() for n in ours.weights
        ),
    )


def tensors(path: Path) -> Iterator[tuple[str, str]]:
    """Name and digest of each tensor of a file."""
    for tensor in gguf.GGUFReader(path).tensors:
        yield tensor.name, hashlib.sha256(tensor.data.tobytes()).hexdigest()


def main() -> int:
    """Print a line for each comparison."""
    arguments = _arguments()
    library.quiet()
    names = ("llama-imatrix", "llama-perplexity", "llama-quantize")
    weigh, read, make = (str(place) for place in programs(*names))
    with TemporaryDirectory() as place:
        folder = Path(place)
        model = arguments.model or folder / "F16.gguf"
        if not arguments.model:
            quantiser.quantise(bundle.bundled(), model, "F16", None, _deaf)
        text = arguments.text or texts.HELD_OUT
        ours = _matrices(weigh, model, text, arguments.chunks, folder)
        ours = replace(ours, datasets=(text.name,))
        matrix.write(ours, folder / "ours.gguf")
        _quantised(make, model, ours, folder)
        _readings(read, model, text, arguments.chunks, folder)
    return 0


def _arguments() -> Namespace:
    asked = ArgumentParser(prog="python -m benchmarks.importance", description=__doc__)
    asked.add_argument("--model", type=Path, help="GGUF, F16; the bundled one as F16 without")
    asked.add_argument("--text", type=Path, help="UTF-8; the held-out text without")
    asked.add_argument("--chunks", type=int, default=8)
    return asked.parse_args()


def _matrices(weigh: str, model: Path, text: Path, chunks: int, folder: Path) -> Importance:
    ours = importance.collect(model, text.read_text(), chunks, _deaf)
    found = []
    for number, settings in enumerate((ALIKE, ITS_OWN)):
        target = folder / f"theirs-{number}.gguf"
        words = ["-f", str(text), "--chunks", str(chunks), "-o", str(target), "--no-ppl"]
        _said([weigh, "-m", str(model), *words, *_common(), *settings])
        found.append(matrix.read(target))
    columns = sum(sums.squares.size for sums in ours.weights.values())
    print(f"importance of {len(ours.weights)} weights, {columns} columns, {ours.chunks} chunks")
    for title, left, right in (
        ("Lectern, llama-imatrix", ours, found[0]),
        ("Lectern, llama-imatrix by default", ours, found[1]),
        ("llama-imatrix by default, and not", found[1], found[0]),
    ):
        seen = difference(left, right)
        print(
            f"  {title:36} mean {seen.mean:.1e}, most {seen.most:.1e}, of a weight "
            f"{seen.of_a_weight:.1e}; same counts: {seen.counts}"
        )
    return ours


def _quantised(make: str, model: Path, ours: Importance, folder: Path) -> None:
    left, right = folder / "left.gguf", folder / "right.gguf"
    quantiser.quantise(model, left, FORM, ours, _deaf)
    _said([make, "--imatrix", str(folder / "ours.gguf"), str(model), str(right), FORM])
    pairs = list(zip(tensors(left), tensors(right), strict=True))
    same = sum(one == other for one, other in pairs)
    print(f"{FORM} with our matrix, by Lectern and llama-quantize: {same} of {len(pairs)} alike")


def _readings(read: str, model: Path, text: Path, chunks: int, folder: Path) -> None:
    left = folder / "left.gguf"
    with Reference(model, text.read_text(), chunks, folder, _deaf) as reference:
        ours, found = exp(reference.loss.mean), reference.compare(left, _deaf)
    words = ["-f", str(text), "--chunks", str(chunks), "-c", str(CHUNK), *_common(), *ALIKE]
    base = ["--kl-divergence-base", str(folder / "odds")]
    said = _said([read, "-m", str(model), *words, *base])
    moved = _said([read, "-m", str(left), *words, *base, "--kl-divergence"])
    print(f"perplexity of F16: Lectern {ours:.4f}, llama-perplexity {_one(PERPLEXITY, said)}")
    print(
        f"KL divergence of {FORM}: Lectern {found.divergence.mean:.6f} ± "
        f"{found.divergence.error:.6f}, llama-perplexity {_one(DIVERGENCE, moved)}"
    )


def _common() -> list[str]:
    return ["-t", str(usable_cores()), "-ngl", "0"]


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def _one(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else "did not say"


def _deaf(_done: int, _total: int) -> None:
    """Nobody is told."""


if __name__ == "__main__":
    sys.exit(main())
