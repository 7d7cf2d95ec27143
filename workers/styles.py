"""The forms that a summary may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Style(StrEnum):
    """What a summary is for."""

    BRIEF = "brief"
    STANDARD = "standard"
    DETAILED = "detailed"
    EXECUTIVE = "executive"
    BULLETS = "bullets"
    MINUTES = "minutes"
    CUSTOM = "custom"


class Tongue(StrEnum):
    """The languages that prompts are written in."""

    ENGLISH = "en"
    CHINESE = "zh-TW"


@dataclass(frozen=True, slots=True)
class Form:
    """How a summary is wanted."""

    style: Style = Style.STANDARD
    length: int | None = None  #: words, or characters of Chinese; None: what the style has usually
    language: Tongue | None = None  #: None: the document's own
    instruction: str = ""  #: the reader's own words, for the custom style

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Form":
        """The form that was stored as JSON."""
        language = given["language"] and Tongue(given["language"])
        return cls(Style(given["style"]), given["length"], language, given["instruction"])


AS_USUAL = Form()
