"""Chat messages → prompt tokens, by the model's own template.

The template comes out of a downloaded file and runs in a sandbox, in bounded time. Message
contents never pass through it: it sees placeholders, and the contents are tokenised apart with
control tokens switched off. A document that contains `<|im_end|>` is therefore text, not the end
of a message.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import TemplateError

from workers.engine.model import Model
from workers.engine.sandbox import BoundedEnvironment
from workers.errors import ModelUnusable

#: For models without a template: the ChatML form most small models understand.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPEN, CLOSE = "\ue000", "\ue001"
ANSWERS_KEPT = 512
THOUGHT = "<think>"  #: how the thought of a reasoning model begins
PLACEHOLDER = re.compile(f"{OPEN}(\\d+){CLOSE}")
#: What a template out of a file can run into: refusals of its own and of the sandbox, and whatever
#: its arithmetic, subscripts and recursion raise.
RENDERING_FAULTS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: str  #: system, user or assistant
    content: str
    #: What stands before `content` in other requests too, such as a document or some passages.
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens ready for the engine."""

    tokens: tuple[int, ...]
    prefixes: tuple[int, ...]  #: lengths others share: to the system's end, the first shared part's
    passages: tuple[tuple[int, int], ...] = ()  #: further shared parts: begin, end


class ChatTemplate:
    """The template of one model."""

    def __init__(self, model: Model, *, think: bool = False) -> None:
        """Compile the template. Raises ModelUnusable when it is broken.

        `think`: whether a model that can be asked not to think before it answers is not asked.
        """
        self._environment, self._turn = BoundedEnvironment(), threading.Lock()
        self._environment.globals["strftime_now"] = _today
        self._model, self._think = model, think
        self._spoken = _Spoken()
        try:
            self._template = self._environment.template(model.chat_template or CHATML)
        except RENDERING_FAULTS as error:
            raise self._unusable(error) from error

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers, because it is let or because it must."""
        return self.opens_thought or (self._think and THOUGHT in (self._model.chat_template or ""))

    @property
    def opens_thought(self) -> bool:
        """Whether prompts end inside the thought: the model begins without its mark."""
        return self._render([Message("user", "")]).rstrip().endswith(THOUGHT)

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Tokens of the chat, ending where the model's answer begins."""
        rendered = self._render(messages)
        parts = PLACEHOLDER.split(rendered)  # literal, index, literal, index, …, literal
        if {int(index) for index in parts[1::2]} != set(range(len(messages))):
            raise self._unusable("it leaves messages out")
        tokens: list[int] = []
        prefixes: list[int] = []
        passages: list[tuple[int, int]] = []
        bos = self._model.token_text(self._model.bos)
        if self._model.adds_bos and not (bos and rendered.startswith(bos)):
            tokens.append(self._model.bos)
        for position, part in enumerate(parts):
            if position % 2 == 0:
                tokens += self._model.tokens(part, special=True)
                continue
            message = messages[int(part)]
            if message.role != "system" and not prefixes and _begins_with_system(messages):
                prefixes.append(len(tokens))
            for number, shared in enumerate(message.shared):
                # Apart, because a tokenizer would join the ends of the two in its own way.
                begin = len(tokens)
                tokens += self._model.tokens(shared)
                if number:
                    passages.append((begin, len(tokens)))
                else:
                    prefixes.append(len(tokens))
            tokens += self._spoken.get(message) or self._model.tokens(message.content)
        return Prompt(tuple(tokens), tuple(prefixes), tuple(passages))

    def remember(self, text: str, tokens: Sequence[int]) -> None:
        """Keep the tokens that were sampled for an answer.

        The next turn of a conversation then repeats them, where the tokenizer might cut the same
        text differently and lose the KV from there on.
        """
        self._spoken.put(text, tuple(tokens))

    def _render(self, messages: Sequence[Message]) -> str:
        shown = [
            {"role": message.role, "content": f"{OPEN}{number}{CLOSE}"}
            for number, message in enumerate(messages)
        ]
        try:
            return self._rendered(shown)
        except RENDERING_FAULTS as error:
            if not _begins_with_system(messages) or len(messages) < 2:
                raise self._unusable(error) from error
        # Some, such as Gemma 2's, know no system: then its words begin the user's.
        first, second, *others = shown
        both = f"{first['content']}\n\n{second['content']}"
        try:
            return self._rendered([second | {"content": both}, *others])
        except RENDERING_FAULTS as error:
            raise self._unusable(error) from error

    def _rendered(self, shown: list[dict[str, str]]) -> str:
        known: dict[str, Any] = {
            "messages": shown,
            "add_generation_prompt": True,
            "bos_token": self._model.token_text(self._model.bos),
            "eos_token": self._model.token_text(self._model.eos),
            "tools": None,
            "enable_thinking": self._think,  # what Qwen's templates ask, and those made after them
        }
        with self._turn:
            self._environment.renew()
            return self._template.render(**known)

    def _unusable(self, reason: object) -> ModelUnusable:
        return ModelUnusable(path=self._model.path, reason=f"its chat template: {reason}")


class _Spoken:
    """The tokens of recent answers by their text; the oldest go. Any thread may ask."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, message: Message) -> tuple[int, ...]:
        if message.role != "assistant":
            return ()
        with self._lock:
            return self._answers.get(message.content, ())

    def put(self, text: str, tokens: tuple[int, ...]) -> None:
        with self._lock:
            self._answers[text] = tokens
            self._answers.move_to_end(text)
            while len(self._answers) > ANSWERS_KEPT:
                self._answers.popitem(last=False)


def _begins_with_system(messages: Sequence[Message]) -> bool:
    return bool(messages) and messages[0].role == "system"


def _today(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
