"""Which schemas are taken, what they mean, and what is refused before anything is begun."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from workers.errors import BadSchema
from workers.extraction.answer import read
from workers.extraction.schema import MAX_BYTES, MAX_FIELDS, Field, fields_of
from workers.extraction.shape import asked_schema, grammar, shape_of, skeleton

INVOICE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "number": {"type": "string", "description": "The invoice's number"},
        "issued": {"type": "string", "format": "date"},
        "total": {"type": ["number", "null"], "minimum": 0},
        "currency": {"enum": ["EUR", "TWD", None]},
        "paid": {"type": "boolean"},
        "seller": {"$ref": "#/$defs/party"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 3},
        "note": {"anyOf": [{"type": "string", "maxLength": 20}, {"type": "null"}]},
        "開立人": {},
    },
    "required": ["number", "total"],
    "additionalProperties": False,
    "$defs": {
        "party": {
            "type": "object",
            "title": "Party",
            "properties": {"name": {"type": "string"}, "vat": {"type": "string"}},
            "required": ["name"],
        },
        "line": {
            "type": "object",
            "properties": {"what": {"type": "string"}, "amount": {"type": "integer"}},
        },
    },
}


def where(schema: Any) -> str:
    with pytest.raises(BadSchema) as refused:
        fields_of(schema)
    return str(refused.value.details["where"])


def one(property_schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": property_schema}}


def test_a_schema_becomes_fields_to_look_for() -> None:
    root = fields_of(INVOICE)
    assert list(root.members) == list(INVOICE["properties"])  # type: ignore[arg-type]
    assert root.required == {"number", "total"}
    kinds = [member.kind for member in root.members.values()]
    assert kinds == [
        "string", "string", "number", "string", "boolean", "object", "array", "string", "string",
    ]  # fmt: skip
    assert root.members["number"].about == "The invoice's number"
    assert root.members["issued"].date
    nullable = [name for name, member in root.members.items() if member.nullable]
    assert nullable == ["total", "currency", "note"]
    assert root.members["currency"].choices == ("EUR", "TWD")
    assert root.members["seller"].members["name"] == Field("string", limit=240)
    lines = root.members["lines"]
    assert lines.items is not None
    assert (lines.limit, list(lines.items.members)) == (3, ["what", "amount"])
    assert root.members["note"].limit == 20


@pytest.mark.parametrize(
    ("schema", "at"),
    [
        ({}, "$"),
        ({"type": "string"}, "$"),
        ({"type": "object"}, "$"),
        ({"type": "object", "properties": {}}, "$"),
        ({"type": "object", "properties": {"x": {}}, "required": ["y"]}, "$.required"),
        ({"type": "objekt", "properties": {"x": {}}}, "$.type"),
        ({"type": "object", "properties": {"": {}}}, "$"),
        ({"type": "object", "properties": {"a\nb": {}}}, "$"),
        ({"type": "object", "properties": {"x" * 101: {}}}, "$"),
        ({"type": "object", "properties": {"x": {}}, "$id": "https://elsewhere"}, "$.$id"),
        (one(True), "$.properties.x"),
        (one({"type": "string", "pattern": "^(a+)+$"}), "$.properties.x.pattern"),
        (one({"type": "string", "maxLength": -1}), "$.properties.x.maxLength"),
        (one({"type": ["string", "number"]}), "$.properties.x.type"),
        (one({"oneOf": [{"type": "string"}, {"type": "number"}]}), "$.properties.x.oneOf"),
        (one({"not": {"type": "string"}}), "$.properties.x.not"),
        (one({"type": "integer", "enum": ["one"]}), "$.properties.x"),
        (one({"enum": [None]}), "$.properties.x"),
        (one({"enum": ["x" * 500]}), "$.properties.x"),
        (one({"enum": list(range(101))}), "$.properties.x"),
        (one({"type": "array", "prefixItems": [{}]}), "$.properties.x.prefixItems"),
        (one({"type": "object"}), "$.properties.x"),
        (
            one({"properties": {"y": {}}, "additionalProperties": {"type": "string"}}),
            "$.properties.x.additionalProperties",
        ),
        (one({"$ref": "https://elsewhere/schema"}), "$.properties.x.$ref"),
        (one({"$ref": "file:///etc/passwd"}), "$.properties.x.$ref"),
        (one({"$ref": "#/properties/x"}), "$.properties.x.$ref"),
        (one({"$ref": "#/nowhere"}), "$.properties.x.$ref"),
        (one({"properties": {"y": {"$ref": "#/properties/x"}}}), "$.properties.x.properties.y"),
        (
            {"type": "object", "properties": {str(n): {} for n in range(MAX_FIELDS)}},
            "$.properties.",
        ),
        (one({"description": "x" * MAX_BYTES}), "$"),
        (one({"default": float("nan")}), "$"),
        (one({"description": "\ud800"}), "$"),
    ],
)
def test_what_can_not_be_used_is_refused_and_the_place_named(schema: Any, at: str) -> None:
    assert where(schema).startswith(at)


def test_depth_and_growth_are_bounded() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(6):
        deep = one(deep)
    assert where(deep).endswith("x.properties.x")
    endless: Any = []
    for _ in range(10_000):
        endless = [endless]
    assert where(one({"default": endless})) == "$"
    laughs = {f"d{n}": {"properties": {k: {"$ref": f"#/$defs/d{n + 1}"} for k in "abcdefgh"}}
              for n in range(3)}  # fmt: skip
    schema = {**one({"$ref": "#/$defs/d0"}), "$defs": {**laughs, "d3": {"type": "string"}}}
    with pytest.raises(BadSchema, match="more than 100 fields"):
        fields_of(schema)


def test_references_inside_are_followed_with_what_stands_beside_them() -> None:
    schema = {
        **one({"$ref": "#/$defs/a~1b", "description": "The first"}),
        "$defs": {"a/b": {"allOf": [{"$ref": "#/$defs/c"}]}, "c": {"type": "integer"}},
    }
    assert fields_of(schema).members["x"] == Field("integer", about="The first")


def names() -> st.SearchStrategy[str]:
    return st.text(min_size=1, max_size=8).filter(str.isprintable)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    scalars = st.one_of(
        st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean")]),
        st.just({"type": "string", "format": "date"}),
        st.lists(names(), min_size=1, max_size=3, unique=True).map(lambda each: {"enum": each}),
        st.just({"type": ["integer", "null"]}),
    )
    nested = st.recursive(
        scalars,
        lambda inner: st.one_of(
            inner.map(lambda items: {"type": "array", "items": items}),
            objects(inner, 2),
        ),
        max_leaves=4,
    )
    return objects(nested, 4)


def objects(inner: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(names(), inner, min_size=1, max_size=most)
    return properties.map(lambda each: {"type": "object", "properties": each})


@given(schemas())
def test_whatever_is_taken_has_a_shape(schema: dict[str, Any]) -> None:
    root = fields_of(schema)
    Draft202012Validator.check_schema(asked_schema(root))
    empty = dict.fromkeys(root.members)
    Draft202012Validator(asked_schema(root)).validate(empty)
    assert read(json.dumps(empty), root, complete=True) == empty
    assert set(skeleton(root)) == set(root.members)
    rules = grammar(root).splitlines()
    assert len({line.partition(" ::= ")[0] for line in rules}) == len(rules)


def test_names_and_choices_can_not_break_out_of_the_grammar() -> None:
    schema = one({"enum": ['a" | root ::= "b', "back\\slash", "港"]})
    schema["properties"]['say "x"'] = {"type": "integer"}
    text = grammar(fields_of(schema))
    assert r'"\"a\\\" | root ::= \\\"b\""' in text
    assert r'"\"back\\\\slash\""' in text
    assert r'"\"港\""' in text
    assert r'"\"say \\\"x\\\"\": "' in text


def test_the_shape_for_servers_is_strict() -> None:
    shape = shape_of(fields_of(one({"enum": ["a"]})))
    assert shape.schema == {
        "type": "object",
        "properties": {"x": {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}},
        "required": ["x"],
        "additionalProperties": False,
    }
