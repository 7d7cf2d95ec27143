"""Which KV stream a sequence gets, and what is kept of prefixes."""

from types import SimpleNamespace
from typing import Any

from workers.engine.prefixes import PrefixCache, common_length
from workers.engine.requests import Request
from workers.engine.slots import Slots
from workers.jobs import Lane


class Memory:
    """Stands in for a context: remembers what each stream holds by length only."""

    def __init__(self, sequences: int, *, cuts: bool = True, loads: bool = True) -> None:
        self.shape = SimpleNamespace(sequences=sequences)
        self.cuts, self.loads = cuts, loads
        self.loaded: list[int] = []
        self.trimmed: list[tuple[int, int]] = []

    def trim(self, sequence: int, length: int) -> bool:
        self.trimmed.append((sequence, length))
        return self.cuts or length == 0

    def save(self, sequence: int) -> bytes:
        return b"state"

    def load(self, sequence: int, state: bytes) -> bool:
        self.loaded.append(sequence)
        return self.loads


def asked(*tokens: int, lane: Lane = Lane.INTERACTIVE) -> Request:
    return Request(prompt=tokens, max_tokens=1, lane=lane)


def slots(memory: Memory, limit: int = 100) -> Slots:
    context: Any = memory
    return Slots(context, PrefixCache(limit))


def test_continues_where_a_prompt_began_before() -> None:
    ours = slots(Memory(3))
    first = ours.take(asked(*range(40)))
    first.tokens.extend(range(40))
    ours.release(first)
    again = ours.take(asked(*range(30), 99))
    assert again is first
    assert again.tokens == list(range(30))


def test_computes_the_last_token_of_a_prompt_it_holds_entirely() -> None:
    ours = slots(Memory(1))
    slot = ours.take(asked(*range(40)))
    slot.tokens.extend(range(45))
    ours.release(slot)
    assert ours.take(asked(*range(40))).tokens == list(range(39))


def test_a_few_equal_tokens_do_not_cost_another_talk_its_kv() -> None:
    ours = slots(Memory(2))
    first = ours.take(asked(*range(40)))
    first.tokens.extend(range(40))
    ours.release(first)
    assert ours.take(asked(0, 1, 2, 99, 98)) is not first


def test_prefers_a_saved_prefix_to_destroying_what_shares_only_that() -> None:
    memory = Memory(2)
    ours = slots(memory)
    first = ours.take(asked(*range(40)))
    first.tokens.extend(range(20))
    ours.save_prefix(first, 20)
    first.tokens.extend(range(20, 40))
    ours.release(first)
    second = ours.take(asked(*range(20), *range(100, 120)))
    assert second is not first
    assert second.tokens == list(range(20))
    assert memory.loaded == [second.number]


def test_refused_state_is_dropped_and_the_slot_emptied() -> None:
    memory = Memory(1, loads=False)
    ours = slots(memory)
    first = ours.take(asked(*range(40)))
    first.tokens.extend(range(20))
    ours.save_prefix(first, 20)
    ours.forget(first)
    for _ in range(2):
        slot = ours.take(asked(*range(40)))
        assert slot.tokens == []
        ours.release(slot)
    assert memory.loaded == [0]


def test_memory_that_cannot_be_cut_back_is_emptied() -> None:
    memory = Memory(1, cuts=False)
    ours = slots(memory)
    slot = ours.take(asked(*range(40)))
    slot.tokens.extend(range(40))
    ours.release(slot)
    assert ours.take(asked(*range(30), 99)).tokens == []
    assert memory.trimmed[-1] == (0, 0)


def test_background_sequences_sit_side_by_side() -> None:
    ours = slots(Memory(4))
    taken = [ours.take(asked(number, lane=Lane.BATCH)) for number in range(4)]
    for slot in (taken[2], taken[1]):
        ours.release(slot)
    assert ours.take(asked(9, lane=Lane.BATCH)).number == 1
    assert ours.free == 1


def test_people_get_the_slot_idle_for_longest() -> None:
    ours = slots(Memory(3))
    taken = [ours.take(asked(number)) for number in range(3)]
    for slot in (taken[1], taken[0], taken[2]):
        ours.release(slot)
    assert ours.take(asked(9)) is taken[1]


def test_cache_drops_the_least_recently_used_and_keeps_its_limit() -> None:
    cache = PrefixCache(10)
    cache.put((1,), b"1234")
    cache.put((2,), b"1234")
    assert cache.longest((1, 5)) == ((1,), b"1234")
    cache.put((3,), b"1234")
    assert [(each,) in cache for each in (1, 2, 3)] == [True, False, True]
    cache.put((4,), b"12345678901")
    assert (4,) not in cache
    cache.drop((1,))
    cache.drop((1,))
    cache.put((5,), b"123456")
    assert (3,) in cache


def test_cache_finds_the_longest_real_prefix() -> None:
    cache = PrefixCache(100)
    for tokens in ((1,), (1, 2), (1, 2, 3), (1, 9)):
        cache.put(tokens, b"x")
    assert cache.longest((1, 2, 3)) == ((1, 2), b"x")
    assert cache.longest((2, 1)) is None
    assert common_length([1, 2, 4], (1, 2, 3)) == 2
    assert common_length([], (1,)) == 0
