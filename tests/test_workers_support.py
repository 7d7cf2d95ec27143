"""What carries a summary's sentence: words in order, words of several, meaning, or nothing."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from workers.support import Support, supported

SOURCE = (
    "The board approved a budget of 4,200 pounds for the quay. "
    "Marta Ekwall leads the works from May. The quay opens in 2027."
)


def blind(_sentence: str, _others: Sequence[str]) -> Sequence[float]:
    return ()


def test_words_in_order_are_verified_at_their_place() -> None:
    (one,) = supported("The board approved a budget of 4,200 pounds.", [SOURCE], blind)
    assert one.support is Support.VERIFIED
    ((source, start, end),) = one.places
    assert (source, SOURCE[start:end]) == (0, SOURCE.split(" Marta", maxsplit=1)[0])


def test_several_sentences_may_carry_one_between_them() -> None:
    said = "Marta Ekwall leads the works on the quay, whose budget the board approved."
    parts = ["Nothing of the kind.", *SOURCE.split(". ")]
    (one,) = supported(said, parts, blind)
    assert one.support is Support.SIMILAR
    assert sorted(place[0] for place in one.places) == [1, 2]


def test_a_wrong_number_carries_nothing() -> None:
    (one,) = supported("The board approved a budget of 4,900 pounds.", [SOURCE], blind)
    assert (one.support, one.places) == (Support.UNSUPPORTED, ())


def test_meaning_carries_if_the_numbers_stand_there() -> None:
    def near(_sentence: str, others: Sequence[str]) -> Sequence[float]:
        return [0.9 if "opens" in other else 0.1 for other in others]

    (one,) = supported("Ships may moor there as of 2027.", [SOURCE], near)
    assert one.support is Support.SIMILAR
    (other,) = supported("Ships may moor there as of 2029.", [SOURCE], near)
    assert other.support is Support.UNSUPPORTED


def test_a_title_claims_nothing() -> None:
    found = list(supported("The quay.\n\nMartians built it overnight.", [SOURCE], blind))
    assert [one.support for one in found] == [Support.NO_CLAIM, Support.UNSUPPORTED]


def test_chinese_is_carried_too() -> None:
    source = "公司每月補助網路及電費新臺幣八百元整。同仁應於一小時內以電話通報資訊安全室。"
    (one,) = supported("公司每月補助網路及電費八百元。", [source], blind)
    assert one.support is Support.VERIFIED


@given(st.text(max_size=200), st.lists(st.text(max_size=200), max_size=3))
def test_places_lie_in_their_sources(text: str, sources: list[str]) -> None:
    for one in supported(text, sources, blind):
        assert one.text in text
        assert bool(one.places) == (one.support in (Support.VERIFIED, Support.SIMILAR))
        assert all(0 <= start < end <= len(sources[n]) for n, start, end in one.places)
