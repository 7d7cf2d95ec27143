"""Words in a large index: common ones cost no more than they tell."""

from collections.abc import Iterable

import pytest

from ingest import frequencies, lexical
from ingest.database import reading, writing
from ingest.filters import WHOLE, Part
from ingest.stems import stems
from ingest.weighing import weighed

COLLECTION, CHUNKS = "col_a", 120
TOWNS = "aa ba ca da ea fa ga ha ia ja ka la".split()


@pytest.fixture(autouse=True)
def shelf(migrated: object) -> None:
    """Chunks that all speak of water, every second of mains, one of each document of its town."""
    with writing() as session:
        for number in range(CHUNKS):
            told = f"water of {TOWNS[number // 10]}" + " and mains renewed" * (number % 2)
            body = f"{told} {'quietly ' * (number % 7)}"
            version = f"ver_{number // 10}"
            lexical.add(session, COLLECTION, version, [(f"chunk_{number}", body)])
        lexical.add(session, "col_b", "ver_b", [("chunk_b", "water and mains of ba")])


def found(words: Iterable[str], part: Part = WHOLE, limit: int = 50) -> list[str]:
    with reading() as session:
        hits = lexical.search(session, COLLECTION, list(words), limit, part)
    return [hit.chunk_id for hit in hits]


def test_a_part_of_few_documents_is_ranked_alike_by_either_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part, words = Part(("ver_1", "ver_2")), ("water", "mains", "renewing", "ba", "quietly")
    by_index = found(words, part)
    monkeypatch.setattr(lexical, "BUDGET", 1)
    one_by_one = found(words, part)
    assert set(one_by_one) == set(by_index)
    assert one_by_one[:5] == by_index[:5]


def test_the_rarest_words_decide_who_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = found(("water", "mains", "ha"))
    monkeypatch.setattr(lexical, "BUDGET", 1)
    monkeypatch.setattr(lexical, "FEW", 0)
    best = found(("water", "mains", "ha"))
    assert set(best) == {f"chunk_{number}" for number in range(70, 80)}
    assert best == everything[:10]  # and the common ones in which order


def test_a_common_word_alone_is_still_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "BUDGET", 1)
    monkeypatch.setattr(lexical, "FEW", 0)
    assert len(found(["water"])) == 50


def test_a_small_collection_in_a_large_index_is_all_that_is_searched() -> None:
    with reading() as session:
        hits = lexical.search(session, "col_b", ["water", "ba"], 50)
    assert [hit.chunk_id for hit in hits] == ["chunk_b"]


def test_words_that_many_chunks_hold_are_counted_roughly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequencies, "COUNTED", 20)
    with reading() as session:
        known = frequencies.frequencies(session, ["water", "mains", "da", "nothing"])
    assert known.chunks == CHUNKS + 1
    assert known.of == {"water": 121, "mains": pytest.approx(60, abs=3), "da": 10}
    assert known.affordable(15) == ["da"]
    assert known.affordable(80) == ["da", "mains"]
    assert known.rarity("da") > known.rarity("mains") > known.rarity("water")


def test_stems_are_those_of_the_index() -> None:
    assert stems(["renewed", "renewing", "臺北", "4p15", "école", "!"]) == {
        "renewed": "renew",
        "renewing": "renew",
        "臺北": "臺北",
        "4p15": "4p15",
        "école": "ecol",
    }


def test_forms_of_a_word_count_together_and_length_tells() -> None:
    chunks = [("short", "ecoles renewed"), ("long", "école " + "word " * 30), ("none", "word")]
    assert [key for key, _ in weighed(chunks, {"école": 2.0})] == ["short", "long"]
