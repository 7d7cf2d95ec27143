"""The engine: one model, one context, one scheduler; the face the rest of Lectern sees."""

from collections.abc import Sequence as Items
from pathlib import Path

import psutil

from workers.engine.context import Context, Shape
from workers.engine.model import Model
from workers.engine.prefixes import PrefixCache
from workers.engine.requests import Request
from workers.engine.sampler import Sampler
from workers.engine.scheduler import Scheduler
from workers.engine.sequence import Answer, Sequence
from workers.engine.template import ChatTemplate, Message, Prompt
from workers.errors import PromptTooLong
from workers.settings import Settings

BATCH_TOKENS = 512
MEGABYTE = 1 << 20
CGROUP = Path("/sys/fs/cgroup")


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
        """Stop and free everything, once; unfinished requests get EngineStopped."""
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

        Raises PromptTooLong when prompt and answer don't fit the context, for nothing is ever cut;
        GrammarRefused, and EngineStopped when it no longer works.
        """
        if not request.prompt:
            raise ValueError("an empty prompt has no next token")
        if len(request.prompt) + request.max_tokens > self.context_tokens:
            raise PromptTooLong(
                prompt=len(request.prompt),
                reserved=request.max_tokens,
                limit=self.context_tokens,
            )
        answer = Answer(request)
        # The sampler is made here, in the caller's thread: what is wrong with it, such as an odd
        # grammar, then concerns nobody else.
        self._scheduler.submit(Sequence(answer, Sampler(self.model, request.sampling)))
        return answer


def _shape(settings: Settings, context_tokens: int) -> Shape:
    return Shape(
        sequences=max(1, settings.batch_slots) + settings.interactive_slots,
        context_tokens=context_tokens,
        batch_tokens=BATCH_TOKENS,
        threads=settings.threads or usable_cores(),
        flash_attention=settings.flash_attention,
    )


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Physical cores this process may use: affinity and quota counted, hyper-threads not.

    More threads than a container's quota has cores would wait for each other while the kernel
    holds some of them back.
    """
    logical = psutil.cpu_count(logical=True) or 1
    physical = psutil.cpu_count(logical=False) or logical
    process = psutil.Process()
    allowed = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else logical
    cores = min(allowed, round(allowed * physical / logical))
    return max(1, min(cores, _quota(cgroup) or cores))


def _quota(cgroup: Path) -> int | None:
    """Whole cores by the container's limit, which both versions of cgroups write in their way."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except OSError:
        try:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    return None if limit in {"max", "-1"} else max(1, int(limit) // int(period))
