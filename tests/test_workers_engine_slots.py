"""Which KV stream a sequence gets, and how much of its prompt it finds there."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from workers.engine.prefixes import WORTH_TOKENS, Prefix, PrefixCache
from workers.engine.requests import Request
from workers.engine.slots import MOVE_WORTH_TOKENS, Slot, Slots
from workers.states import Lane

BATCH, INTERACTIVE = Lane.BATCH, Lane.INTERACTIVE


class Memory:
    """Stands in for a context: each stream is the tokens that were computed in it."""

    def __init__(self, sequences: int, *, cuts: bool = True, loads: bool = True) -> None:
        self.count = sequences
        self.cuts, self.loads = cuts, loads
        self.streams: list[list[int]] = [[] for _ in range(sequences)]
        self.saved: list[int] = []
        self.loaded: list[int] = []
        self.copied: list[tuple[int, int]] = []

    def trim(self, sequence: int, length: int) -> bool:
        if not self.cuts and 0 < length < len(self.streams[sequence]):
            return False
        del self.streams[sequence][length:]
        return True

    def save(self, sequence: int) -> Any:
        self.saved.append(sequence)
        return np.array(self.streams[sequence], np.int32).view(np.uint8)

    def load(self, sequence: int, state: Any) -> bool:
        self.loaded.append(sequence)
        if self.loads:
            self.streams[sequence] = state.view(np.int32).tolist()
        return self.loads

    def copy(self, source: int, target: int) -> bool:
        self.copied.append((source, target))
        self.streams[target] = list(self.streams[source])
        return True


class Desk:
    """Slots over a memory, and what a scheduler does with them."""

    def __init__(self, memory: Memory, background: int = 0, limit: int = 10_000) -> None:
        context: Any = memory
        self.memory, self.kept = memory, PrefixCache(limit)
        self.slots = Slots(context, self.kept, background=background, cuts=memory.cuts)

    def take(self, request: Request) -> Slot:
        """A slot; what it says it holds is what the memory holds, the beginning of the prompt."""
        slot = self.slots.take(request)
        self.check(slot)
        assert tuple(slot.tokens) == request.prompt[: len(slot.tokens)]
        assert len(slot.tokens) < len(request.prompt) or not request.max_tokens
        return slot

    def compute(self, slot: Slot, *tokens: int) -> None:
        slot.tokens.extend(tokens)
        self.memory.streams[slot.number].extend(tokens)

    def run(self, request: Request, *answer: int) -> Slot:
        """A whole request, stopping where a prefix is to be kept."""
        slot = self.take(request)
        for stop in (*self.slots.unkept(request, len(slot.tokens)), len(request.prompt)):
            self.compute(slot, *request.prompt[len(slot.tokens) : stop])
            self.slots.keep_prefix(slot, request)
        self.compute(slot, *answer)
        self.slots.release(slot)
        return slot

    def check(self, slot: Slot) -> None:
        assert slot.tokens == self.memory.streams[slot.number]


def asked(*tokens: int, lane: Lane = INTERACTIVE, **more: Any) -> Request:
    return Request(**{"prompt": tokens, "max_tokens": 1, "lane": lane, **more})


def talk(number: int, length: int = 2 * MOVE_WORTH_TOKENS) -> tuple[int, ...]:
    """Tokens that no other talk has."""
    return tuple(range(1000 * number, 1000 * number + length))


def test_continues_where_a_prompt_began_before() -> None:
    desk = Desk(Memory(3))
    first = desk.run(asked(*range(40)))
    again = desk.take(asked(*range(30), 99))
    assert again is first
    assert again.tokens == list(range(30))


def test_goes_on_behind_an_answer() -> None:
    desk = Desk(Memory(1))
    desk.run(asked(*range(40)), 50, 51)
    assert desk.take(asked(*range(40), 50, 51, 52)).tokens == [*range(40), 50, 51]


def test_computes_the_last_token_of_a_prompt_it_holds_entirely() -> None:
    desk = Desk(Memory(1))
    desk.run(asked(*range(40)), 40, 41)
    assert desk.take(asked(*range(40))).tokens == list(range(39))


def test_a_prompt_that_is_only_kept_needs_no_last_token() -> None:
    desk = Desk(Memory(1))
    warm = asked(*range(40), max_tokens=0, prefixes=(40,))
    desk.run(asked(*range(40)))
    # It is there, but its state is kept nowhere: one token brings the slot to its end again.
    assert desk.run(warm).tokens == list(range(40))
    assert tuple(range(40)) in desk.kept
    assert desk.take(warm).tokens == list(range(40))


def test_a_talk_is_moved_to_memory_when_its_slot_is_taken_and_comes_back() -> None:
    desk = Desk(Memory(1))
    first, second = talk(1), talk(2)
    desk.run(asked(*first, sources=frozenset({"doc_1"})), 5)
    desk.run(asked(*second), 6)
    assert (*first, 5) in desk.kept
    assert desk.kept.sources() == {"doc_1"}
    slot = desk.take(asked(*first, 5, 7))
    assert slot.tokens == [*first, 5]
    assert desk.memory.loaded == [0]
    assert (*second, 6) in desk.kept


def test_a_short_talk_and_background_work_are_not_worth_moving() -> None:
    desk = Desk(Memory(1))
    for begin in (
        asked(*talk(1, MOVE_WORTH_TOKENS - 1)),
        asked(*talk(2), lane=BATCH),
    ):
        desk.run(begin)
        desk.run(asked(*talk(3, 5)))
    assert desk.memory.saved == []


def test_a_talk_that_is_kept_already_is_not_moved_again() -> None:
    desk = Desk(Memory(1))
    desk.run(asked(*talk(1), prefixes=(len(talk(1)),)), 5, 6)
    desk.run(asked(*talk(2, 5)))
    assert desk.memory.saved == [0]  # as a prefix


def test_prefers_a_kept_prefix_to_destroying_a_talk_that_shares_only_that() -> None:
    desk = Desk(Memory(2))
    system = tuple(range(20))
    first = desk.run(asked(*system, *talk(1), prefixes=(20,)))
    second = desk.take(asked(*system, *talk(2), prefixes=(20,)))
    assert second is not first
    assert second.tokens == list(system)
    assert desk.memory.loaded == [second.number]


def test_an_empty_slot_is_better_than_a_talk_that_shares_a_few_tokens() -> None:
    desk = Desk(Memory(2))
    first = desk.run(asked(1, 2, 3, *talk(1)))
    assert desk.take(asked(1, 2, 3, *talk(2))) is not first
    assert desk.memory.saved == []


def test_a_document_computed_in_one_slot_is_found_for_another() -> None:
    desk = Desk(Memory(3), background=1)
    document = talk(1)
    desk.run(asked(*document, max_tokens=0, prefixes=(len(document),), lane=BATCH))
    slots = [desk.take(asked(*document, 7_000 + n, prefixes=(len(document),))) for n in range(2)]
    assert [slot.tokens for slot in slots] == [list(document)] * 2
    assert len({slot.number for slot in slots}) == 2


def test_copies_from_a_sequence_that_is_still_at_work() -> None:
    desk = Desk(Memory(3))
    busy = desk.take(asked(*talk(1)))
    desk.compute(busy, *talk(1)[:100])
    other = desk.take(asked(*talk(1)[:80], *talk(2)))
    assert desk.memory.copied == [(busy.number, other.number)]
    assert other.tokens == list(talk(1)[:80])
    desk.check(busy)
    assert len(busy.tokens) == 100


def test_a_copy_must_bring_more_than_what_is_kept() -> None:
    desk = Desk(Memory(3))
    system = talk(1)
    request = asked(*system, *talk(2), prefixes=(len(system),))
    busy = desk.take(request)
    desk.compute(busy, *system)
    desk.slots.keep_prefix(busy, request)
    desk.compute(busy, *talk(2)[: WORTH_TOKENS - 1])
    assert desk.take(request).tokens == list(system)
    assert desk.memory.copied == []
    desk.compute(busy, *talk(2)[WORTH_TOKENS - 1 : WORTH_TOKENS])
    assert len(desk.take(request).tokens) == len(system) + WORTH_TOKENS
    assert len(desk.memory.copied) == 1


def test_a_refused_state_is_dropped_and_the_slot_emptied() -> None:
    desk = Desk(Memory(1, loads=False))
    request = asked(*range(40), prefixes=(20,))
    slot = desk.run(request)
    desk.slots.forget(slot)
    assert desk.take(request).tokens == []
    desk.slots.release(slot)
    assert desk.take(request).tokens == []
    assert desk.memory.loaded == [0]
    assert request.prompt[:20] not in desk.kept


def test_after_a_failed_decode_a_slot_is_empty() -> None:
    desk = Desk(Memory(1))
    slot = desk.take(asked(*range(40)))
    desk.compute(slot, *range(10))
    desk.memory.streams[0].extend([1, 2, 3])
    desk.slots.forget(slot)
    desk.check(slot)
    assert (slot.tokens, desk.slots.free) == ([], 1)


def test_what_an_interrupted_decode_did_is_taken_back() -> None:
    desk = Desk(Memory(1))
    slot = desk.take(asked(*range(40)))
    desk.compute(slot, *range(10))
    desk.memory.streams[0].extend([10, 11, 12])
    slot.tokens.extend([10])
    desk.slots.retract(slot, 11)
    desk.check(slot)


def test_memory_that_cannot_be_cut_is_used_whole_or_not_at_all() -> None:
    desk = Desk(Memory(1, cuts=False))
    desk.run(asked(*range(40), prefixes=(20,)))
    assert desk.take(asked(*range(30), 99)).tokens == list(range(20))  # not the 30 in the slot
    desk.slots.release(desk.slots._slots[0])
    desk.run(asked(*talk(1)), 5)
    assert desk.take(asked(*talk(1), 5, 6)).tokens == [*talk(1), 5]


def test_memory_that_cannot_be_cut_asked_the_same_again() -> None:
    desk = Desk(Memory(1, cuts=False))
    request = asked(*range(40), prefixes=(20, 40))
    desk.run(request)
    assert desk.take(request).tokens == list(range(20))


def test_memory_that_cannot_be_cut_is_not_copied_in_the_middle() -> None:
    desk = Desk(Memory(2, cuts=False))
    busy = desk.take(asked(*talk(1)))
    desk.compute(busy, *talk(1)[:100])
    assert desk.take(asked(*talk(1)[:80], 5)).tokens == []
    assert desk.memory.copied == []


def test_the_background_gets_the_first_slots_and_people_the_last() -> None:
    desk = Desk(Memory(4), background=2)
    taken = [desk.take(asked(n, lane=lane)).number for n, lane in enumerate([BATCH, INTERACTIVE])]
    assert taken[0] == 0
    assert taken[1] in (2, 3)
    assert desk.take(asked(8)).number in (2, 3)
    assert desk.take(asked(9)).number == 1  # better than none
    assert desk.slots.free == 0


def test_background_sequences_sit_side_by_side() -> None:
    desk = Desk(Memory(4), background=4)
    taken = [desk.take(asked(number, lane=BATCH)) for number in range(4)]
    for slot in (taken[2], taken[1]):
        desk.slots.release(slot)
    assert desk.take(asked(9, lane=BATCH)).number == 1
    assert desk.slots.free == 1


def test_a_common_beginning_does_not_draw_a_lane_into_the_others_slots() -> None:
    desk = Desk(Memory(4), background=2)
    system = tuple(range(20))
    desk.run(asked(*system, 100, 101, prefixes=(20,), lane=BATCH))
    person = desk.run(asked(*system, 200, 201, prefixes=(20,)))
    assert person.number in (2, 3)
    assert desk.take(asked(*system, 300, prefixes=(20,), lane=BATCH)).number == 0


def test_people_get_the_slot_idle_for_longest_when_all_hold_talks() -> None:
    desk = Desk(Memory(3))
    taken = [desk.take(asked(number)) for number in range(3)]
    for number, slot in enumerate(taken):
        slot.tokens.append(number)
    for slot in (taken[1], taken[0], taken[2]):
        desk.slots.release(slot)
    assert desk.take(asked(9)) is taken[1]


def test_a_new_talk_takes_an_empty_slot_of_the_background_before_another_talks() -> None:
    desk = Desk(Memory(4))
    talks = [desk.take(asked(*range(number, number + 99))) for number in (1, 200)]
    for slot in talks:
        slot.tokens.extend(range(99))
        desk.slots.release(slot)
    third = desk.take(asked(*range(400, 500)))
    assert [*(slot.number for slot in talks), third.number] == [3, 2, 1]


def test_stops_only_where_a_prefix_is_to_be_kept_and_is_not_yet() -> None:
    desk = Desk(Memory(1))
    request = asked(*range(40), prefixes=(10, 20, 30))
    assert desk.slots.unkept(request, 0) == (10, 20, 30)
    assert desk.slots.unkept(request, 10) == (20, 30)
    desk.kept.put(Prefix(request.prompt[:20], 1.0), np.zeros(4, np.uint8))
    assert desk.slots.unkept(request, 0) == (10, 30)


def test_only_the_longest_prefix_of_a_durable_request_is_durable() -> None:
    desk = Desk(Memory(1))
    request = asked(*range(40), prefixes=(10, 20), durable=True, sources=frozenset({"doc_1"}))
    desk.run(request)
    kept = {len(tokens): one.prefix for tokens, one in desk.kept._kept.items()}
    assert {length: prefix.durable for length, prefix in kept.items()} == {10: False, 20: True}
    assert all(prefix.sources == {"doc_1"} for prefix in kept.values())
    assert kept[20].seconds == pytest.approx(2 * kept[10].seconds)


def test_forgets_documents_in_free_slots_and_says_which_are_held() -> None:
    desk = Desk(Memory(3))
    free = desk.run(asked(*talk(1), sources=frozenset({"doc_1", "doc_2"})))
    other = desk.run(asked(*talk(2), sources=frozenset({"doc_3"})))
    busy = desk.take(asked(*talk(3), sources=frozenset({"doc_1"})))
    desk.compute(busy, *talk(3)[:5])
    assert desk.slots.sources() == {"doc_1", "doc_2", "doc_3"}
    desk.slots.forget_sources(frozenset({"doc_1"}))
    assert free.tokens == [] == desk.memory.streams[free.number]
    assert len(busy.tokens) == 5
    assert other.tokens
    assert desk.slots.sources() == {"doc_3"}
    desk.slots.release(busy)
    assert desk.slots.sources() == {"doc_1", "doc_3"}


def test_a_slot_says_no_more_what_it_held_before() -> None:
    desk = Desk(Memory(1))
    desk.run(asked(*talk(1), sources=frozenset({"doc_1"}), lane=BATCH))
    desk.run(asked(*talk(2)))
    assert desk.slots.sources() == frozenset()


def test_whatever_comes_the_slots_say_what_the_memory_holds() -> None:
    rng = np.random.default_rng(7)
    for cuts in (True, False):
        desk = Desk(Memory(4, cuts=cuts), background=2, limit=3_000)
        busy: list[tuple[Slot, Request]] = []
        for _ in range(600):
            if len(busy) == 4 or (busy and rng.random() < 0.4):
                slot, request = busy.pop(int(rng.integers(len(busy))))
                if rng.random() < 0.8:
                    left = request.prompt[len(slot.tokens) :]
                    desk.compute(slot, *left[: int(rng.integers(len(left) + 1))])
                    desk.slots.keep_prefix(slot, request)
                desk.slots.release(slot)
            parts = [talk(int(n), int(rng.integers(1, 90))) for n in rng.integers(3, size=3)]
            prompt = tuple(token for part in parts for token in part)
            request = asked(
                *prompt,
                lane=(BATCH, INTERACTIVE)[int(rng.integers(2))],
                prefixes=(len(parts[0]), len(parts[0]) + len(parts[1])),
                max_tokens=int(rng.integers(2)),
            )
            slot = desk.take(replace(request))
            busy.append((slot, request))
            stops = desk.slots.unkept(request, len(slot.tokens))
            if stops:
                desk.compute(slot, *prompt[len(slot.tokens) : stops[0]])
                desk.slots.keep_prefix(slot, request)
            for each in desk.slots._slots:
                desk.check(each)
