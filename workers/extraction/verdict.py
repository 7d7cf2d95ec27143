"""Whether what was found is what the user's schema asks for, and what is missing of it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from workers.extraction.schema import Field

MOST_ERRORS = 20
LONGEST_MESSAGE = 200
#: Of the formats only those that are judged without doubt and without further libraries.
FORMATS = FormatChecker(("date", "email", "uuid"))


def errors(schema: Mapping[str, Any], root: Field, values: Mapping[str, Any]) -> list[Any]:
    """Where the values break the schema, {at, message}; what was not found counts as not there."""
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    found = validator.iter_errors(_there(values, root))
    return [
        {"at": error.json_path[:LONGEST_MESSAGE], "message": error.message[:LONGEST_MESSAGE]}
        for error in islice(found, MOST_ERRORS)
    ]


def missing(root: Field, values: Mapping[str, Any]) -> Iterator[str]:
    """Required properties that were not found, those of an object as `object.property`."""
    for name, member in root.members.items():
        value = values[name]
        if value is None and name in root.required:
            yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inside}" for inside in missing(member, value))


def _there(value: Any, field: Field) -> Any:
    """The value without the nulls that only say that nothing was found."""
    if isinstance(value, list):
        assert field.items is not None, "an array has items"
        return [_there(each, field.items) for each in value]
    if isinstance(value, dict):
        return {
            name: _there(value[name], member)
            for name, member in field.members.items()
            if value[name] is not None or member.nullable
        }
    return value
