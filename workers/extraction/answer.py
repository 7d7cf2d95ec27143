"""What a model wrote, as values of the fields: whatever comes, only what fits a field is taken.

Our engine's grammar leaves little to do. A server may fence its JSON, think aloud before it, write
figures as strings, or say “not specified” where null was asked for.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.utils.json import parse_partial_json

from workers.extraction.numerals import figures
from workers.extraction.schema import Field
from workers.sanitiser import clean

THOUGHT = re.compile(r"^.*</think>", re.DOTALL)
NOTHING = frozenset(
    "null none nil n/a na unknown unspecified unavailable - -- — ? "
    "無資料 未提及 未提供 未說明 未載明 不詳 不明 沒有提到".split()
) | {"", "not specified", "not mentioned", "not stated", "not available", "not provided"}
LARGEST = 10**18  #: longer numbers are no quantities
YES = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}


def read(text: str, root: Field, complete: bool) -> dict[str, Any]:
    """The values of `root`'s members, each of its kind or None.

    Of an answer that was broken off, the value that was being written is left out.
    """
    body = THOUGHT.sub("", text)
    begin, end = body.find("{"), body.rfind("}")
    if begin < 0:
        return dict.fromkeys(root.members)
    whole = complete and begin < end
    try:
        found = parse_partial_json(body[begin : end + 1] if whole else body[begin:])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return dict.fromkeys(root.members)
    if not whole:
        _drop_last(found)
    return {name: fitted(found.get(name), member) for name, member in root.members.items()}


def _drop_last(found: dict[str, Any]) -> None:
    """Remove the scalar that stands last, wherever it stands."""
    node: Any = found
    while node:
        last = list(node)[-1] if isinstance(node, dict) else len(node) - 1
        if not isinstance(node[last], dict | list) or not node[last]:
            del node[last]
            return
        node = node[last]


def fitted(value: Any, field: Field) -> Any:
    """`value` as one of the field's kind; None where it says nothing or is of another kind."""
    if field.kind == "object":
        return _object(value, field)
    if field.kind == "array":
        assert field.items is not None, "an array has items"
        given = value if isinstance(value, list) else [] if value is None else [value]
        items = [fitted(each, field.items) for each in given]
        return [each for each in items if each is not None] or None
    if value is None or isinstance(value, dict | list):
        return None
    made = SCALARS[field.kind](value)
    return _chosen(made, field) if field.choices and made is not None else made


def _object(value: Any, field: Field) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    made = {name: fitted(value.get(name), member) for name, member in field.members.items()}
    return made if any(each is not None for each in made.values()) else None


def _text(value: str | float | bool) -> str | None:
    written = json.dumps(value) if isinstance(value, bool) else str(value)
    text = " ".join(clean(written).split())
    return None if text.casefold().rstrip(".") in NOTHING else text


def _number(value: str | float | bool) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        found = [figure for figure in figures(value) if figure.plain is not None]
        if len(found) != 1:
            return None
        plain = float(found[0].plain or 0)
        value = int(plain) if plain.is_integer() else plain
    return value if abs(value) < LARGEST else None  # nor are infinities and NaN


def _integer(value: str | float | bool) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _boolean(value: str | float | bool) -> bool | None:
    return value if isinstance(value, bool) else YES.get(str(value).strip().casefold())


def _chosen(value: Any, field: Field) -> Any:
    """The choice that is meant; case and white space do not matter."""
    wanted = " ".join(str(value).split()).casefold()
    same = (each for each in field.choices if " ".join(str(each).split()).casefold() == wanted)
    return next(same, None)


SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
