"""What carries a summary's sentence: words in order, words of several, meaning, or nothing."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.meaning import WORDS_ONLY, Meaning
from workers.support import Support, supported

SOURCE = (
    "The board approved a budget of 4,200 pounds for the quay. "
    "Marta Ekwall leads the works from May. The quay opens in 2027."
)


def test_words_in_order_are_verified_at_their_place() -> None:
    (one,) = supported("The board approved a budget of 4,200 pounds.", [SOURCE], WORDS_ONLY)
    assert one.support is Support.VERIFIED
    ((source, start, end),) = one.places
    assert (source, SOURCE[start:end]) == (0, SOURCE.split(" Marta", maxsplit=1)[0])


def test_several_sentences_may_carry_one_between_them() -> None:
    said = "Marta Ekwall leads the works on the quay, whose budget the board approved."
    parts = ["Nothing of the kind.", *SOURCE.split(". ")]
    (one,) = supported(said, parts, WORDS_ONLY)
    assert one.support is Support.SIMILAR
    assert sorted(place[0] for place in one.places) == [1, 2]


def test_a_wrong_number_carries_nothing() -> None:
    (one,) = supported("The board approved a budget of 4,900 pounds.", [SOURCE], WORDS_ONLY)
    assert (one.support, one.places) == (Support.UNSUPPORTED, ())


def test_a_number_is_not_borrowed_from_a_sentence_about_something_else() -> None:
    sources = [
        "The report covers the year ended 31 March 2025, which we write as 2024/25.",
        "Demand on the peak day, 31 July 2024, reached 517 megalitres.",
    ]
    said = "The report covers the year ended 31 March 2024, and demand reached a peak of {}."
    (wrong,) = supported(said.format("517 megalitres"), sources, WORDS_ONLY)
    assert wrong.support is Support.UNSUPPORTED
    right = said.replace("2024", "2025").format("517 megalitres")
    (one,) = supported(right, sources, WORDS_ONLY)
    assert one.support is Support.SIMILAR


class Knowing:
    """An embedder for which everything that says “2027” or “moor” means the same."""

    def unknown_share(self, _text: str) -> float:
        return 0.0

    def embed(self, texts: list[str]) -> Any:
        return np.array([[1.0, 0.0] if "moor" in t or "2027" in t else [0.0, 1.0] for t in texts])


def test_meaning_carries_if_the_numbers_stand_there() -> None:
    meaning = Meaning(Knowing())  # type: ignore[arg-type]
    (one,) = supported("Ships may moor there as of 2027.", [SOURCE], meaning)
    assert one.support is Support.SIMILAR
    (other,) = supported("Ships may moor there as of 2029.", [SOURCE], meaning)
    assert other.support is Support.UNSUPPORTED


def test_a_title_claims_nothing() -> None:
    found = list(supported("The quay.\n\nMartians built it overnight.", [SOURCE], WORDS_ONLY))
    assert [one.support for one in found] == [Support.NO_CLAIM, Support.UNSUPPORTED]


def test_chinese_is_carried_too() -> None:
    source = "公司每月補助網路及電費新臺幣八百元整。同仁應於一小時內以電話通報資訊安全室。"
    (one,) = supported("公司每月補助網路及電費八百元。", [source], WORDS_ONLY)
    assert one.support is Support.VERIFIED


@given(st.text(max_size=200), st.lists(st.text(max_size=200), max_size=3))
def test_places_lie_in_their_sources(text: str, sources: list[str]) -> None:
    for one in supported(text, sources, WORDS_ONLY):
        assert one.text in text
        assert bool(one.places) == (one.support in (Support.VERIFIED, Support.SIMILAR))
        assert all(0 <= start < end <= len(sources[n]) for n, start, end in one.places)
