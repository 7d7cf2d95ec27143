"""The shape of an answer: a grammar for our engine, a JSON schema for a server.

Every property is written, in the schema's order; null says that the text does not hold it. The
grammar is our own and not llama.cpp's converter: it bounds what a small model might go on with for
ever (strings, digits, items), leaves no white space to choose, and a name or choice with a quote or
a backslash in it can't break out of its literal.
"""

import json
from collections.abc import Callable
from typing import Any

from workers.extraction.schema import Field
from workers.language import Shape

NULL = '"null"'
#: No line feeds and no \u: such escapes are only ever nonsense here.
CHARACTER = r'[^"\\\x00-\x1F\x7F] | "\\" ["\\/]'
WHOLE = '"-"? ("0" | [1-9] [0-9]{0,14})'
DATE = r'"\"" [0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) "\""'
SCALARS = {
    "integer": WHOLE,
    "number": f'{WHOLE} ("." [0-9]{{1,9}})?',
    "boolean": '"true" | "false"',
}
#: Tokens that a value takes, about, and at most; strings of twice this length are rare.
TOKENS = {"string": 48, "integer": 12, "number": 14, "boolean": 2}
EXPECTED_ITEMS = 6


def shape_of(root: Field) -> Shape:
    """The shape of an answer about all members of `root`."""
    return Shape(grammar(root), asked_schema(root))


def grammar(root: Field) -> str:
    """GBNF whose every sentence is JSON of the field, each property null where nothing is said."""
    rules: dict[str, str] = {}  #: names by what they stand for, so that equal ones are one

    def rule(field: Field) -> str:
        body = _body(field, rule)
        return rules.setdefault(body, f"r{len(rules)}")

    lines = [f"root ::= {rule(root)}", f"char ::= {CHARACTER}"]
    return "\n".join([*lines, *(f"{name} ::= {body}" for body, name in rules.items())])


def _body(field: Field, rule: Callable[[Field], str]) -> str:
    if field.choices:
        return " | ".join(_literal(json.dumps(each, ensure_ascii=False)) for each in field.choices)
    if field.kind == "object":
        members = (
            f"{_literal(json.dumps(name, ensure_ascii=False) + ': ')} ({rule(member)} | {NULL})"
            for name, member in field.members.items()
        )
        return '"{" ' + ' ", " '.join(members) + ' "}"'
    if field.kind == "array":
        assert field.items is not None, "an array has items"
        item = rule(field.items)
        more = f' (", " {item}){{0,{field.limit - 1}}}' if field.limit > 1 else ""
        return f'"[" ({item}{more})? "]"' if field.limit else '"[]"'
    if field.kind == "string":
        return DATE if field.date else f'"\\"" char{{0,{field.limit}}} "\\""'
    return SCALARS[field.kind]


def _literal(text: str) -> str:
    """GBNF that says exactly `text`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def asked_schema(field: Field) -> dict[str, Any]:
    """The same as a JSON schema, as strict as servers want it."""
    if field.choices:
        return {"type": field.kind, "enum": list(field.choices)}
    if field.kind == "object":
        return {
            "type": "object",
            "properties": {n: _or_null(member) for n, member in field.members.items()},
            "required": list(field.members),
            "additionalProperties": False,
        }
    if field.kind == "array":
        assert field.items is not None, "an array has items"
        return {"type": "array", "items": asked_schema(field.items)}
    return {"type": field.kind}


def _or_null(field: Field) -> dict[str, Any]:
    return {"anyOf": [asked_schema(field), {"type": "null"}]}


def value_tokens(field: Field) -> int:
    """Tokens that the values of an answer take, about, without the names around them."""
    if field.kind == "object":
        return sum(map(value_tokens, field.members.values()))
    if field.kind == "array":
        assert field.items is not None, "an array has items"
        return EXPECTED_ITEMS * value_tokens(field.items)
    return TOKENS[field.kind]


def skeleton(field: Field) -> Any:
    """An answer that says nothing: what the names take."""
    if field.kind == "object":
        return {name: skeleton(member) for name, member in field.members.items()}
    if field.kind == "array":
        assert field.items is not None, "an array has items"
        return [skeleton(field.items)]
    return None
