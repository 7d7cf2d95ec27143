"""How the model is asked for fields, in English and in Traditional Chinese.

What is asked for stands first: it is the same for every section, so that the engine computes it
once. The rules of `workers.prompts` hold: the document is fenced, and nothing in it is an order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.prompts import ChatPromptTemplate

from workers.extraction.schema import Field
from workers.prompts import FENCE, GUARD, GUARD_ZH, harmless, shared
from workers.styles import Tongue


@dataclass(frozen=True, slots=True)
class Wording:
    """The prompt of one language, and its words for the kinds of values."""

    prompt: ChatPromptTemplate  #: fields, text, title
    kinds: Mapping[str, str]
    date: str
    choices: str  #: before the values that may be chosen


def _prompt(system: str, fields: str, part: str, rule: str) -> ChatPromptTemplate:
    text = f"{part}\n\n{FENCE}\n{{text}}\n{FENCE}\n\n{rule}"
    asked = [shared(f"{fields}\n{{fields}}\n\n"), {"type": "text", "text": text}]
    return ChatPromptTemplate([("system", system), ("human", asked)])


WORDINGS: Mapping[Tongue, Wording] = {
    Tongue.ENGLISH: Wording(
        prompt=_prompt(
            f"You take facts out of texts, in their own words. {GUARD}",
            "Fields to look for:",
            "Part of a document, “{title}”:",
            "Write the fields as one JSON object. Copy words and figures from the text. "
            "Write null for every field that the text does not state.",
        ),
        kinds={
            "string": "text",
            "integer": "whole number",
            "number": "number",
            "boolean": "true or false",
            "array": "list of",
            "object": "group",
        },
        date="date, YYYY-MM-DD",
        choices="one of",
    ),
    Tongue.CHINESE: Wording(
        prompt=_prompt(
            f"你負責從文字中擷取資料，使用文件原來的文字。{GUARD_ZH}",
            "要擷取的欄位：",
            "文件的一部分「{title}」：",
            "請把欄位寫成一個 JSON 物件，文字與數字照原文抄寫。文中沒有寫到的欄位，一律寫 null。",
        ),
        kinds={
            "string": "文字",
            "integer": "整數",
            "number": "數字",
            "boolean": "true 或 false",
            "array": "清單：",
            "object": "一組",
        },
        date="日期，YYYY-MM-DD",
        choices="擇一",
    ),
}


def asked(root: Field, instruction: str, tongue: Tongue) -> str:
    """The fields and what else the user said, as the prompt lists them."""
    lines = list(_lines(root, WORDINGS[tongue], ""))
    return harmless("\n".join([*lines, *([instruction] if instruction else [])]))


def _lines(field: Field, wording: Wording, indent: str) -> Iterator[str]:
    for name, member in field.members.items():
        about = f": {member.about}" if member.about else ""
        yield f"{indent}- {name} ({_kind(member, wording)}){about}"
        inner = member.items if member.items is not None else member
        yield from _lines(inner, wording, indent + "  ")


def _kind(field: Field, wording: Wording) -> str:
    if field.items is not None:
        return f"{wording.kinds['array']} {_kind(field.items, wording)}"
    if field.choices:
        return f"{wording.choices}: {', '.join(map(str, field.choices))}"
    return wording.date if field.date else wording.kinds[field.kind]


def given(fields: str, title: str, text: str) -> dict[str, Any]:
    """What the prompt is filled with."""
    return {"fields": fields, "title": harmless(title), "text": harmless(text)}
