"""The engine: one model, one context, one scheduler; the face the rest of Lectern sees."""

from collections.abc import Sequence as Items
from pathlib import Path

import psutil

from workers.engine.context import Context, Shape
from workers.engine.model import Model
from workers.engine.prefixes import PrefixCache
from workers.engine.requests import Request
from workers.engine.scheduler import Scheduler
from workers.engine.sequence import Answer
from workers.engine.template import ChatTemplate, Message, Prompt
from workers.errors import PromptTooLong
from workers.settings import Settings

BATCH_TOKENS = 512
MEGABYTE = 1 << 20


class Engine:
    """Generates text. Every method may be called from any thread."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """Load the model and start to work. Raises ModelMissing or ModelUnusable."""
        self.model = Model(path)
        self.context_tokens = min(settings.context, self.model.trained_context)
        self._template = ChatTemplate(self.model)
        self._context = Context(self.model, _shape(settings, self.context_tokens))
        self._scheduler = Scheduler(
            self.model,
            self._context,
            reserved=settings.interactive_slots,
            prefixes=PrefixCache(settings.prefix_cache_mb * MEGABYTE),
        )
        self._scheduler.start()

    @property
    def alive(self) -> bool:
        """Whether requests are being answered."""
        return self._scheduler.alive

    def close(self) -> None:
        """Stop and free everything; unfinished requests get EngineStopped."""
        self._scheduler.stop()
        self._context.close()
        self.model.close()

    def prompt(self, messages: Items[Message]) -> Prompt:
        """The tokens of a chat, by the model's template."""
        return self._template.prompt(messages)

    def count_tokens(self, text: str) -> int:
        """Length of `text` in the model's tokens."""
        return len(self.model.tokens(text))

    def generate(self, request: Request) -> Answer:
        """Queue a request; the answer is iterated by the caller.

        Raises PromptTooLong when prompt and answer don't fit the context: nothing is ever cut.
        """
        if len(request.prompt) + request.max_tokens > self.context_tokens or not request.prompt:
            raise PromptTooLong(
                prompt=len(request.prompt),
                reserved=request.max_tokens,
                limit=self.context_tokens,
            )
        answer = Answer(request)
        self._scheduler.submit(answer)
        return answer


def _shape(settings: Settings, context_tokens: int) -> Shape:
    return Shape(
        sequences=settings.batch_slots + settings.interactive_slots,
        context_tokens=context_tokens,
        batch_tokens=BATCH_TOKENS,
        threads=settings.threads or usable_cores(),
        flash_attention=settings.flash_attention,
    )


def usable_cores() -> int:
    """Physical cores this process may run on: affinity counted, hyper-threads not."""
    allowed = len(psutil.Process().cpu_affinity())
    logical = psutil.cpu_count(logical=True) or allowed
    physical = psutil.cpu_count(logical=False) or logical
    return max(1, min(allowed, round(allowed * physical / logical)))
