"""The engine: one model, one context, one scheduler; the face the rest of Lectern sees."""

import json
from collections.abc import Sequence as Items
from dataclasses import replace
from pathlib import Path

from workers.engine import devices, library, locking, memory
from workers.engine.context import Context, Shape
from workers.engine.drafter import Drafter
from workers.engine.load import Load, Speed
from workers.engine.lookup import Lookup
from workers.engine.model import Model
from workers.engine.prefixes import Prefix, PrefixCache
from workers.engine.profile import Profile
from workers.engine.remote import Remote
from workers.engine.requests import Request
from workers.engine.sampler import Sampler
from workers.engine.scheduler import Scheduler
from workers.engine.sequence import Answer, Sequence
from workers.engine.split import split
from workers.engine.store import StateStore
from workers.engine.streams import Streams
from workers.engine.template import ChatTemplate, Message, Prompt
from workers.errors import PromptTooLong, RpcHostLost
from workers.settings import Settings
from workers.states import Lane

MEGABYTE = 1 << 20


class Engine:
    """Generates text. Every method may be called from any thread."""

    def __init__(self, path: Path, settings: Settings, profile: Profile, kept: Path) -> None:
        """Load the model and start to work; states of prefixes are kept in the folder `kept`.

        Raises ModelMissing, ModelUnusable, MemoryTooSmall, or what `split` raises of RPC hosts.
        """
        self.profile = profile
        parts = split(path, settings, profile)
        memory.require(path, settings, profile, parts)
        remote = Remote(parts.shares) if parts else None
        self.model = _loaded(path, profile, remote)
        self.context_tokens = min(settings.context, self.model.trained_context)
        self._template = ChatTemplate(self.model, think=settings.thinking == "on")
        shapes = _shapes(settings, self.context_tokens, profile)
        self._streams, shape = _opened(self.model, shapes)
        self._store = _store(kept, self.model, shape, settings.prefix_disk_mb * MEGABYTE)
        self._prefixes = PrefixCache(settings.prefix_cache_mb * MEGABYTE, self._store)
        step_cost = profile.step_cost if self.model.cuts else ()  # a wrong draft is cut off
        self._drafts = bool(step_cost)
        self._scheduler = Scheduler(
            self.model,
            self._streams,
            Drafter(step_cost, self.context_tokens),
            reserved=settings.interactive_slots,
            prefixes=self._prefixes,
        )
        if remote is not None:
            remote.on_loss(self._scheduler.abandon)
        self._scheduler.start()

    @property
    def alive(self) -> bool:
        """Whether requests are being answered."""
        return self._scheduler.alive and self.lost() is None

    def lost(self) -> RpcHostLost | None:
        """The RPC host that was lost: nothing can be answered any more, by no fault of requests."""
        return self.model.remote.lost() if self.model.remote else None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do at this moment."""
        load = self._scheduler.load()
        return not (load.interactive or load.background or load.waiting)

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        return self._template.thinks

    @property
    def opens_thought(self) -> bool:
        """Whether it does so without saying where it begins."""
        return self._template.opens_thought

    def load(self) -> Load:
        """What it has done and is doing."""
        return self._scheduler.load()

    def speed(self) -> Speed:
        """What tokens of background work take: lately, or when the tuner measured."""
        load, profile = self.load(), self.profile
        together = {
            sequences: seconds for sequences, rows, seconds in profile.step_cost if rows == 1
        }
        most = max(together, default=0)
        tuned = Speed(
            1 / profile.prefill_rate if profile.prefill_rate else load.seconds_per_token,
            together[most] / most if most else 2 * load.seconds_per_token,
        )
        return Speed(
            load.seconds_per_token if load.prefill_tokens else tuned.prompt_seconds,
            load.seconds_per_written or tuned.written_seconds,
        )

    def close(self) -> None:
        """Stop and free everything, once; unfinished requests get EngineStopped.

        After a loss nothing can be freed: the library would speak to the host, and end the process.
        """
        if (lost := self.lost()) is not None:
            self._scheduler.abandon(lost)
            return
        self._scheduler.stop()
        if self._store is not None:
            self._store.close()
        self._streams.close()
        self.model.close()

    def keeps(self, tokens: tuple[int, ...]) -> bool:
        """Whether the KV of exactly these tokens is kept, in RAM or on disk."""
        return tokens in self._prefixes

    def see_cancelled(self) -> None:
        """Ask of every request at once whether it is cancelled, not only between two steps."""
        self._scheduler.see_cancelled()

    def sources(self) -> frozenset[str]:
        """The documents whose words the engine still holds, in slots or kept states."""
        return self._prefixes.sources() | self._scheduler.sources()

    def forget(self, sources: frozenset[str]) -> None:
        """Forget all KV made of these documents, except what is being worked on right now."""
        self._prefixes.forget(sources)
        self._scheduler.forget_sources(sources)

    def prompt(self, messages: Items[Message]) -> Prompt:
        """The tokens of a chat, by the model's template."""
        return self._template.prompt(messages)

    def cheapest_order(self, messages: Items[Message]) -> tuple[int, ...]:
        """The order of the last message's shared parts that finds most of them computed already.

        For parts whose order means nothing, such as passages. Those that begin no kept state come
        last, as they were given.
        """
        *before, last = messages
        left = list(range(len(last.shared)))
        order: list[int] = []
        while left:
            known = [each for each in left if self._kept_so_far(before, last, [*order, each])]
            if not known:
                break
            order.append(known[0])
            left.remove(known[0])
        return (*order, *left)

    def _kept_so_far(self, before: list[Message], last: Message, order: list[int]) -> bool:
        """Whether these parts, in this order, begin a kept state or what a slot holds."""
        shared = tuple(last.shared[each] for each in order)
        prompt = self.prompt([*before, replace(last, shared=shared, content="")])
        end = prompt.passages[-1][1] if prompt.passages else prompt.prefixes[-1]
        tokens = prompt.tokens[:end]
        found = self._prefixes.nearest(tokens)
        return (found is not None and found.length == end) or self._scheduler.holds(tokens)

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
        self._read_ahead(request)
        answer = Answer(request)
        # The sampler is made here, in the caller's thread: what is wrong with it, such as an odd
        # grammar, then concerns nobody else.
        sequence = Sequence(answer, Sampler(self.model, request.sampling), self._template.remember)
        if self._drafts:
            sequence.lookup = Lookup(request.prompt)
        self._scheduler.submit(sequence)
        self._prepare_passages(request)
        return answer

    def _read_ahead(self, request: Request) -> None:
        """Have states that will be needed in RAM, while others are being answered."""
        found = self._prefixes.nearest(request.prompt)
        if found and not self._scheduler.holds(request.prompt[: found.length]):
            self._prefixes.state(found.prefix)
        for passage in request.passages:
            self._prefixes.state(Prefix(request.alone(passage), 0.0))

    def _prepare_passages(self, request: Request) -> None:
        """Have passages that had no kept state computed alone, for the next who needs them."""
        for passage in request.passages:
            tokens = request.alone(passage)
            if tokens not in self._prefixes:
                self.generate(
                    Request(
                        tokens,
                        max_tokens=0,
                        prefixes=(request.prefixes[0], len(tokens)),
                        durable=request.durable,
                        sources=request.sources,
                        lane=Lane.BATCH,
                    )
                )


def _loaded(path: Path, profile: Profile, remote: Remote | None) -> Model:
    """The weights; what of the profile this machine can't do is said in the log."""
    model = Model(
        path,
        repack=profile.repack,
        mmap=profile.mmap,
        mlock=profile.mlock,
        away=remote or devices.offloaded(profile.gpu_layers),
    )
    if profile.mlock:
        locking.report(path)
    return model


def _shapes(settings: Settings, context_tokens: int, profile: Profile) -> tuple[Shape, ...]:
    """One context for all; before it, where lanes want different kernels, one for each."""
    background = max(1, settings.batch_slots)
    rows = max((rows for _, rows, _ in profile.step_cost), default=1)
    sequences = background + settings.interactive_slots
    whole = Shape(
        sequences=sequences,
        context_tokens=context_tokens,
        batch_tokens=profile.step_tokens,
        ubatch_tokens=profile.ubatch_tokens,
        threads=profile.threads,
        prefill_threads=profile.prefill_threads,
        flash_attention=profile.flash_attention,
        kv_type=profile.kv_type,
        outputs=sequences * rows,
    )
    if profile.batch_flash_attention == profile.flash_attention or not settings.interactive_slots:
        return (whole,)
    batch = replace(whole, sequences=background, flash_attention=profile.batch_flash_attention)
    return whole, batch, replace(whole, sequences=settings.interactive_slots)


def _opened(model: Model, shapes: Items[Shape]) -> tuple[Streams, Shape]:
    """The streams, and the shape of the context whose states are kept."""
    whole, *lanes = shapes
    if lanes:
        streams = Streams([Context(model, shape) for shape in lanes])
        if streams.exchange_states():
            return streams, lanes[-1]
        streams.close()  # this model's states can't be turned round
    return Streams([Context(model, whole)]), whole


def _store(folder: Path, model: Model, shape: Shape, limit_bytes: int) -> StateStore | None:
    """The states on disk; for a layout that covers all that makes a state valid."""
    if not limit_bytes:
        return None
    layout = json.dumps(
        {
            "model": model.fingerprint,
            "library": [library.PINNED, library.build().features],
            "sequences": shape.sequences,  # the states name their streams
            "kv": shape.kv_type,
            "flash_attention": shape.flash_attention,  # it turns V round
            **({"hosts": model.remote.hosts} if model.remote else {}),  # they may round otherwise
        },
        sort_keys=True,
    )
    return StateStore(folder, layout, limit_bytes)
