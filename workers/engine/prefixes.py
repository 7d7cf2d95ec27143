"""KV states of shared beginnings: computed once, copied in; in RAM, the durable ones on disk too.

When memory is full, what is cheap to compute again for the space it takes, and seldom asked for,
goes first: GreedyDual-Size-Frequency (Cherkasova, HP Labs technical report 98-69). Knows tokens
and states, not what they mean. Any thread may ask.
"""

import threading
from dataclasses import dataclass
from typing import Any

from workers.engine.radix import RadixTree, Tokens
from workers.engine.store import Blob, StateStore

#: A state that shares this many tokens more than another is worth reading for them.
WORTH_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Prefix:
    """A beginning whose state is kept."""

    tokens: Tokens
    seconds: float  #: what computing it took
    sources: frozenset[str] = frozenset()  #: documents it holds words of
    durable: bool = False  #: written to disk too


@dataclass(slots=True)
class _Kept:
    prefix: Prefix
    size: int  #: bytes
    state: Any | None  #: None: on disk only
    blob: Blob | None = None
    writing: bool = False  #: on its way to the disk, and therefore not to be given up
    hits: int = 0
    priority: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """A kept prefix that begins like a prompt does."""

    prefix: Prefix
    length: int  #: leading tokens it shares with the prompt


@dataclass(slots=True)
class Counts:
    """What the cache has done, for metrics."""

    hits: int = 0
    ram_bytes: int = 0
    disk_bytes: int = 0
    unreadable: int = 0  #: blobs that were gone or damaged


class PrefixCache:
    """States by the tokens they hold."""

    def __init__(self, limit_bytes: int, store: StateStore | None = None) -> None:
        """At most `limit_bytes` in RAM; what the store holds already is known at once."""
        self._limit, self._store = limit_bytes, store
        self._tree: RadixTree[_Kept] = RadixTree()
        self._kept: dict[Tokens, _Kept] = {}
        self._clock = 0.0  #: the priority of what went last: what is never asked for ages
        self._lock = threading.RLock()
        self.counts = Counts()
        if store is not None:
            for blob in store.blobs():
                self._enter(_Kept(_prefix_of(blob), blob.size, None, blob))
            self._shrink_disk()

    def __contains__(self, tokens: Tokens) -> bool:
        with self._lock:
            return tokens in self._kept

    def put(self, prefix: Prefix, state: Any) -> None:
        """Keep a state. One larger than the whole limit is kept on disk only, or not at all."""
        with self._lock:
            if prefix.tokens in self._kept:
                return
            store = self._store if prefix.durable else None
            if store is not None and state.size > store.limit_bytes:
                store = None
            if store is None and state.size > self._limit:
                return
            kept = _Kept(prefix, state.size, state, writing=store is not None)
            self._enter(kept)
            self.counts.ram_bytes += state.size
            if store is not None:
                blob = _blob_of(prefix, state)
                store.write(blob, state, lambda safe: self._written(store, kept, blob, safe))
            if kept.size <= self._limit:
                self._shrink()

    def nearest(self, prompt: Tokens, *, whole: bool = False) -> Found | None:
        """The kept prefix that shares most with `prompt`; with `whole` it must share all of it."""
        with self._lock:
            match = self._tree.beginning(prompt)
            longer = None if whole else self._tree.nearest(prompt)
            if longer and longer.length >= (match.length if match else 0) + WORTH_TOKENS:
                match = longer
            return Found(match.value.prefix, match.length) if match else None

    def state(self, prefix: Prefix) -> Any | None:
        """The state, out of RAM or from disk; None when it is gone or was damaged.

        Called by who asks before it queues, so that the scheduler finds it in RAM.
        """
        with self._lock:
            kept = self._kept.get(prefix.tokens)
            if kept is None:
                return None
            kept.hits += 1
            self.counts.hits += 1
            self._rank(kept)
            if kept.state is not None:
                return kept.state
            blob = kept.blob
        state = None
        if self._store is not None and blob is not None:
            state = self._store.read(blob)
        with self._lock:
            if state is None:
                self.counts.unreadable += 1
                self.drop(prefix)
            else:
                self._hold(kept, state)
        return state

    def drop(self, prefix: Prefix) -> None:
        """Forget a state, on disk too."""
        with self._lock:
            kept = self._kept.get(prefix.tokens)
            if kept is not None:
                self._leave(kept)

    def sources(self) -> frozenset[str]:
        """The documents that states hold words of, those of other layouts on this disk too."""
        foreign = self._store.foreign_sources() if self._store is not None else frozenset()
        with self._lock:
            return foreign.union(*(kept.prefix.sources for kept in self._kept.values()))

    def forget(self, sources: frozenset[str]) -> None:
        """Forget every state that holds words of these documents."""
        if self._store is not None:
            self._store.forget_foreign(sources)
        with self._lock:
            for kept in [one for one in self._kept.values() if one.prefix.sources & sources]:
                self._leave(kept)

    def _enter(self, kept: _Kept) -> None:
        self._rank(kept)
        self._tree.put(kept.prefix.tokens, kept)
        self._kept[kept.prefix.tokens] = kept
        if kept.blob is not None:
            self.counts.disk_bytes += kept.size

    def _leave(self, kept: _Kept) -> None:
        self._tree.remove(kept.prefix.tokens)
        del self._kept[kept.prefix.tokens]
        if kept.state is not None:
            self.counts.ram_bytes -= kept.size
        if kept.blob is not None and self._store is not None:
            self.counts.disk_bytes -= kept.size
            self._store.remove(kept.blob)

    def _hold(self, kept: _Kept, state: Any) -> None:
        """Have a state that was read from disk in RAM too, unless somebody was faster."""
        if kept.state is None and self._kept.get(kept.prefix.tokens) is kept:
            kept.state = state
            self.counts.ram_bytes += kept.size
            self._shrink(keep=kept)

    def _rank(self, kept: _Kept) -> None:
        worth = kept.prefix.seconds * (1 + kept.hits) / max(1, kept.size)
        kept.priority = self._clock + worth

    def _written(self, store: StateStore, kept: _Kept, blob: Blob, safe: bool) -> None:
        with self._lock:
            kept.writing = False
            if self._kept.get(kept.prefix.tokens) is not kept:
                store.remove(blob)  # forgotten while it was being written
                return
            if safe:
                kept.blob = blob
                self.counts.disk_bytes += kept.size
            if kept.size > self._limit:  # or it would put all others out
                self._give_up(kept)
            self._shrink()

    def _shrink(self, keep: _Kept | None = None) -> None:
        in_ram = [kept for kept in self._kept.values() if kept.state is not None]
        for kept in sorted(in_ram, key=_priority):
            if self.counts.ram_bytes <= self._limit:
                break
            if kept is keep or kept.writing:
                continue
            self._give_up(kept)
        self._shrink_disk()

    def _give_up(self, kept: _Kept) -> None:
        """Have it in RAM no more."""
        if kept.blob is None:
            self._clock = kept.priority
            self._leave(kept)
        else:
            kept.state = None
            self.counts.ram_bytes -= kept.size

    def _shrink_disk(self) -> None:
        if self._store is None or self.counts.disk_bytes <= self._store.limit_bytes:
            return
        on_disk = [kept for kept in self._kept.values() if kept.blob is not None]
        for kept in sorted(on_disk, key=_priority):
            if self.counts.disk_bytes <= self._store.limit_bytes:
                return
            self._clock = kept.priority
            self._leave(kept)


def _priority(kept: _Kept) -> float:
    return kept.priority


def _prefix_of(blob: Blob) -> Prefix:
    return Prefix(blob.tokens, blob.seconds, blob.sources, durable=True)


def _blob_of(prefix: Prefix, state: Any) -> Blob:
    return Blob(prefix.tokens, state.size, prefix.seconds, prefix.sources)
