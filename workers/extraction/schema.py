"""A user's JSON schema, judged before anything is begun, as a tree of fields to look for.

Only what a grammar can enforce and string evidence can judge is taken: objects whose properties are
named, arrays of one kind, and scalars. Patterns are refused: a stranger's regular expression can
hold up a worker for ever. What only narrows a value (minimum, format, uniqueItems…) does not reach
the tree; the result is validated against the schema as it came.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from workers.errors import BadSchema

MAX_BYTES = 20_000
MAX_DEPTH = 40  #: of the JSON
MAX_LEVELS = 5  #: of values inside values
MAX_FIELDS = 100
MAX_CHOICES = 100
MAX_NAME = 100
LONGEST_TEXT = 240  #: characters of a string that the model may write, unless the schema says less
MOST_ITEMS = 20  #: of an array in one section

NOTES = frozenset(
    "title description examples example default deprecated readOnly writeOnly "
    "$comment $schema $defs definitions".split()
)
NARROWING = frozenset(
    "format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength "
    "minItems maxItems uniqueItems additionalProperties required".split()
)
UNIONS = ("anyOf", "oneOf", "allOf")
SHAPING = frozenset("type enum const properties items $ref".split()) | frozenset(UNIONS)
ONE_KIND = "a field can have one kind of value, or null"

Kind = Literal["object", "array", "string", "integer", "number", "boolean"]
KINDS: tuple[Kind, ...] = ("object", "array", "string", "integer", "number", "boolean")
Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to look for."""

    kind: Kind
    about: str = ""  #: its title and description
    nullable: bool = False  #: null is a value that the schema allows
    choices: tuple[Scalar, ...] = ()
    date: bool = False  #: a string that is a date, YYYY-MM-DD
    limit: int = 0  #: characters of a string or items of an array that may be written
    items: "Field | None" = None  #: of an array
    members: Mapping[str, "Field"] = field(default_factory=dict)  #: of an object, in order
    required: frozenset[str] = frozenset()  #: members that must be found

    def only(self, name: str) -> "Field":
        """The object with this one member."""
        return replace(self, members={name: self.members[name]})


def fields_of(schema: Mapping[str, Any]) -> Field:
    """The schema as an object to fill. Raises BadSchema, which says where and why."""
    _bounded(schema)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise _bad(error.json_path, error.message) from error
    root = _Reader(schema).field(schema, _At())
    if root.kind != "object":
        raise _bad("$", "the outermost type must be object")
    return root


def _bounded(schema: Mapping[str, Any]) -> None:
    """Refuse what is too large or too deep to be looked at, or no JSON that can be stored."""
    nodes: list[tuple[Any, int]] = [(schema, 0)]
    while nodes:
        node, depth = nodes.pop()
        if depth > MAX_DEPTH:
            raise _bad("$", f"it is nested more than {MAX_DEPTH} deep")
        inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        nodes += ((each, depth + 1) for each in inside)
    try:
        written = json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # NaN, an infinity, or half of a surrogate pair
        raise _bad("$", "it holds a number or a character that JSON does not have") from error
    if len(written) > MAX_BYTES:
        raise _bad("$", f"it is longer than {MAX_BYTES} bytes")


def _bad(where: str, reason: str) -> BadSchema:
    return BadSchema(where=where[:200], reason=reason[:200])


@dataclass(frozen=True, slots=True)
class _At:
    """A place in the schema on the way down."""

    path: str = "$"
    level: int = 0  #: of values inside values
    above: frozenset[str] = frozenset()  #: references that were followed to come here

    def down(self, word: str, name: str = "") -> "_At":
        """Where the schema of a property or of the items stands."""
        path = f"{self.path}.{word}.{name}" if name else f"{self.path}.{word}"
        return replace(self, path=path, level=self.level + 1)

    def bad(self, reason: str, word: str = "") -> BadSchema:
        """What is wrong here, or with a keyword here."""
        return _bad(f"{self.path}.{word}" if word else self.path, reason)


class _Reader:
    """Reads one schema; references inside it are followed."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._fields = 0

    def field(self, given: Any, at: _At) -> Field:
        """The field that a part of the schema describes."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise at.bad(f"there are more than {MAX_FIELDS} fields")
        if at.level > MAX_LEVELS:
            raise at.bad(f"values are nested more than {MAX_LEVELS} deep")
        node, nullable, at = self._plain(given, at)
        kind, may_be_null = _kind(node, at)
        made = Field(
            kind=kind,
            about=" · ".join(str(node[n]) for n in ("title", "description") if node.get(n)),
            nullable=nullable or may_be_null or None in node.get("enum", ()),
            choices=_choices(node, kind, at),
            date=kind == "string" and node.get("format") == "date",
        )
        if kind == "object":
            return self._object(made, node, at)
        if kind == "array":
            item = self.field(node.get("items", {"type": "string"}), at.down("items"))
            return replace(made, items=item, limit=_limit(node, "maxItems", MOST_ITEMS))
        if kind == "string":
            return replace(made, limit=_limit(node, "maxLength", LONGEST_TEXT))
        return made

    def _object(self, made: Field, node: Mapping[str, Any], at: _At) -> Field:
        properties = node.get("properties")
        if not properties:
            raise at.bad("an object needs properties")
        if not isinstance(node.get("additionalProperties", True), bool):
            raise at.bad("name each property instead", "additionalProperties")
        required = frozenset(node.get("required", ()))
        if unknown := sorted(required - properties.keys()):
            raise at.bad(f"there is no property “{unknown[0][:50]}”", "required")
        if odd := [name for name in properties if not _usable(name)]:
            raise at.bad(f"names are 1 to {MAX_NAME} printable characters: {odd[0][:50]!r}")
        members = {
            name: self.field(each, at.down("properties", name)) for name, each in properties.items()
        }
        return replace(made, members=members, required=required)

    def _plain(self, given: Any, at: _At) -> tuple[Mapping[str, Any], bool, _At]:
        """The part without references and unions with null; whether it was one of those."""
        node, nullable = given, False
        while True:
            if not isinstance(node, dict):
                raise at.bad("say what is asked for: true and false are no fields")
            _check_keywords(node, at)
            if "$ref" in node:
                target, at = self._followed(str(node["$ref"]), at)
                node = target | _without(node, "$ref")
                continue
            word = next((word for word in UNIONS if word in node), None)
            if word is None:
                return node, nullable, at
            options = [each for each in node[word] if each != {"type": "null"}]
            if len(options) != 1 or not isinstance(options[0], dict):
                raise at.bad(ONE_KIND, word)
            nullable = nullable or len(options) < len(node[word])
            node = options[0] | _without(node, word)

    def _followed(self, reference: str, at: _At) -> tuple[dict[str, Any], _At]:
        """What a reference inside the schema points to (RFC 6901)."""
        if not reference.startswith("#/"):
            raise at.bad("references must begin with #/, inside this schema", "$ref")
        if reference in at.above:
            raise at.bad("it refers to itself", "$ref")
        found: Any = self._schema
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise at.bad("it points to no schema", "$ref")
        return found, replace(at, above=at.above | {reference})


def _without(node: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != word}


def _limit(node: Mapping[str, Any], word: str, most: int) -> int:
    return int(min(node.get(word, most), most))


def _check_keywords(node: Mapping[str, Any], at: _At) -> None:
    known = NOTES | NARROWING | SHAPING
    for word in node:
        if word not in known and not word.startswith("x-"):
            raise at.bad("this keyword can't be used here", word)


def _usable(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def _kind(node: Mapping[str, Any], at: _At) -> tuple[Kind, bool]:
    """The kind of value, and whether its type may be null as well."""
    given = node.get("type")
    if given is None:
        return _implied(node), False
    types = [given] if isinstance(given, str) else given
    left = [each for each in types if each != "null"]
    found = next((kind for kind in KINDS if [kind] == left), None)
    if found is None:
        raise at.bad(ONE_KIND, "type")
    return found, len(left) < len(types)


def _implied(node: Mapping[str, Any]) -> Kind:
    """The kind of what has no type: by its properties, items or choices, else a text."""
    if "properties" in node:
        return "object"
    if "items" in node:
        return "array"
    value = next((each for each in _given_choices(node) if each is not None), "")
    return next((kind for kind in KINDS if _is(value, kind)), "string")


def _choices(node: Mapping[str, Any], kind: Kind, at: _At) -> tuple[Scalar, ...]:
    found = tuple(each for each in _given_choices(node) if each is not None)
    fit = all(_is(each, kind) and len(str(each)) <= LONGEST_TEXT for each in found)
    if not fit or len(found) > MAX_CHOICES or (not found and {"enum", "const"} & node.keys()):
        raise at.bad(f"choices are 1 to {MAX_CHOICES} short values of the field's type")
    return found


def _given_choices(node: Mapping[str, Any]) -> Iterator[Any]:
    yield from node.get("enum", ())
    if "const" in node:
        yield node["const"]


def _is(value: object, kind: Kind) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, str):
        return kind == "string"
    if isinstance(value, int):
        return kind in ("integer", "number")
    return isinstance(value, float) and kind == "number"
