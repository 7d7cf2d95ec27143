"""Chat messages → prompt tokens, by the model's own template.

The template comes out of a downloaded file and runs in Jinja's sandbox. Message contents never
pass through it: it sees placeholders, and the contents are tokenised apart with control tokens
switched off. A document that contains `<|im_end|>` is therefore text, not the end of a message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workers.engine.model import Model
from workers.errors import ModelUnusable

#: For models without a template: the ChatML form most small models understand.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}(\\d+){CLOSE}")
#: What a template out of a file can run into: refusals of its own and of the sandbox, and whatever
#: its arithmetic, subscripts and recursion raise.
RENDERING_FAULTS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: str  #: system, user or assistant
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens ready for the engine."""

    tokens: tuple[int, ...]
    prefix_tokens: int  #: up to and with the system message: what requests of one kind share


class ChatTemplate:
    """The template of one model."""

    def __init__(self, model: Model) -> None:
        """Compile the template. Raises ModelUnusable when it is broken."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals.update(raise_exception=_refuse, strftime_now=_today)
        self._model = model
        try:
            self._template = environment.from_string(model.chat_template or CHATML)
        except TemplateError as error:
            raise self._unusable(error) from error

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Tokens of the chat, ending where the model's answer begins."""
        rendered = self._render(messages)
        parts = PLACEHOLDER.split(rendered)  # literal, index, literal, index, …, literal
        if {int(index) for index in parts[1::2]} != set(range(len(messages))):
            raise self._unusable("it leaves messages out")
        tokens: list[int] = []
        prefix = 0
        bos = self._model.token_text(self._model.bos)
        if self._model.adds_bos and not (bos and rendered.startswith(bos)):
            tokens.append(self._model.bos)
        for position, part in enumerate(parts):
            if position % 2 == 0:
                tokens += self._model.tokens(part, special=True)
                continue
            message = messages[int(part)]
            if message.role != "system" and not prefix:
                prefix = len(tokens)
            tokens += self._model.tokens(message.content)
        has_system = any(message.role == "system" for message in messages)
        return Prompt(tuple(tokens), prefix if has_system else 0)

    def _render(self, messages: Sequence[Message]) -> str:
        shown = [
            {"role": message.role, "content": f"{OPEN}{number}{CLOSE}"}
            for number, message in enumerate(messages)
        ]
        known: dict[str, Any] = {
            "messages": shown,
            "add_generation_prompt": True,
            "bos_token": self._model.token_text(self._model.bos),
            "eos_token": self._model.token_text(self._model.eos),
            "tools": None,
        }
        try:
            return self._template.render(**known)
        except RENDERING_FAULTS as error:
            raise self._unusable(error) from error

    def _unusable(self, reason: object) -> ModelUnusable:
        return ModelUnusable(path=self._model.path, reason=f"its chat template: {reason}")


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _today(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
