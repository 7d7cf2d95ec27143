"""`lectern models quantize`: a model in other formats, and what each of them costs and loses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import Refused
from workers.engine import library, quantiser
from workers.engine.header import header
from workers.engine.importance import Importance
from workers.models import making, matrix, reporting
from workers.models.shelf import ModelNotShelved
from workers.models.telling import Tell

#: What else than the weights a file holds is smaller than this: the vocabulary, the template.
HEADER_BYTES = 64 << 20
#: Formats whose rounding is small beside that of the formats that are quantised once more.
WIDE = (*quantiser.WHOLE, "Q8_0")
AUTO = "auto"


class FormatUnknown(Refused):
    """There is no format {name}; llama.cpp makes {formats}."""

    code = "format_unknown"


class MatrixNeeded(Refused):
    """{form} is not made without an importance matrix: `lectern models imatrix {name}` computes
    one, and --imatrix auto takes it.
    """

    code = "matrix_needed"


class MatrixMissing(Refused):
    """{name} has no importance matrix; `lectern models imatrix {name}` computes one."""

    code = "matrix_missing"


class QuantisedAlready(Refused):
    """{name} is {form}, and {wanted} made from that would be rounded twice. Quantise the model that
    it was made from, or make an F16 of it first: `lectern models quantize {name} --to F16`.
    """

    code = "quantised_already"


class OneNameOnly(Refused):
    """A name is for one model; {count} are to be made. Leave --name out."""

    code = "one_name_only"


@dataclass(frozen=True, slots=True)
class Task:
    """One model to be made."""

    name: str
    form: str
    matrix: Importance | None
    made: dict[str, Any]  #: what `made.json` will say


def run(
    tell: Tell,
    *,
    name: str,
    to: Sequence[str],
    imatrix: str | None = None,
    name_as: str | None = None,
) -> dict[str, Any]:
    """Make every format that is not there yet, then compare all of them with their source.

    Raises what is named here, in `shelf` and in `reporting`, MatrixUnusable, MemoryTooSmall,
    ModelMissing or ModelUnusable.
    """
    library.quiet()
    forms = [_known(form) for form in to]
    if name_as and len(forms) > 1:
        raise OneNameOnly(count=len(forms))
    source = making.file_of(name)
    _require_whole(name, header(source).format, forms)
    given = _matrix(name, imatrix)
    tasks = [_task(name, source, form, given, name_as) for form in forms]
    fresh = [task for task in tasks if not _there(task)]
    sizes = [_size(name, source, task) for task in fresh]  # all are judged before any is made
    for task, size in zip(fresh, sizes, strict=True):
        _make(name, source, task, size, tell)
    made: dict[str, Any] = {"made": [task.name for task in tasks], "fresh": len(fresh)}
    if name == making.BUNDLED:  # what is made of it is what others are compared with
        return made | {"report": None}
    return made | {"report": reporting.run(tell, names=[task.name for task in tasks], against=name)}


def _known(form: str) -> str:
    if form.upper() not in quantiser.FORMATS:
        raise FormatUnknown(name=form, formats=", ".join(sorted(quantiser.FORMATS)))
    return form.upper()


def _require_whole(name: str, is_now: str, forms: Sequence[str]) -> None:
    for form in forms:
        if is_now not in quantiser.WHOLE and form not in WIDE:
            raise QuantisedAlready(name=name, form=is_now, wanted=form)


def _matrix(name: str, imatrix: str | None) -> Importance | None:
    if not imatrix:
        return None
    if imatrix != AUTO:
        return matrix.read(Path(imatrix))
    path = making.file_of(name).with_name(making.MATRIX)
    if not path.is_file():
        raise MatrixMissing(name=name)
    return matrix.read(path)


def _task(
    name: str, source: Path, form: str, given: Importance | None, name_as: str | None
) -> Task:
    used = given if form not in quantiser.WHOLE else None
    stem = name.removesuffix(f"-{header(source).format}")
    own = name_as or f"{stem}-{form}" + ("-imatrix" if used else "")
    made = {"from": name, "format": form, "matrix": matrix.described(used) if used else None}
    return Task(own, form, used, made)


def _there(task: Task) -> bool:
    """Whether it was made before, from the same and in the same way."""
    try:
        making.shelf().find(task.name)
    except ModelNotShelved:
        return False
    return making.how(task.name) == task.made


def _size(name: str, source: Path, task: Task) -> int:
    """Bytes that it will take, at most."""
    outcome = quantiser.estimate(source, task.form, task.matrix)
    if outcome.needs_matrix and task.matrix is None:
        raise MatrixNeeded(name=name, form=task.form)
    return outcome.size + HEADER_BYTES


def _make(name: str, source: Path, task: Task, size: int, tell: Tell) -> None:
    making.require_memory(task.name, 2 * quantiser.BUFFER_BYTES)
    place = making.shelf().prepare(task.name, size)
    doing = f"making {task.name}"
    with making.part(making.place_for(task.name)) as unfinished:
        quantiser.quantise(
            source, unfinished, task.form, task.matrix, lambda done, total: tell(doing, done, total)
        )
    if task.matrix is not None:  # what it was made with, whatever becomes of the source's
        matrix.write(task.matrix, place / making.MATRIX)
    licence = "" if name == making.BUNDLED else making.shelf().find(name).licence
    making.put(task.name, task.made, f"quantised: {name} as {task.form}", licence, tell)
