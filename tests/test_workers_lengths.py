"""Lengths: words and characters are counted as a reader would, and texts are cut to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.styles import Style, Tongue
from workers.summaries.lengths import in_tongue, length_of, off, usual
from workers.summaries.shorten import shortened


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Renewed 1,180.5 metres of the state-of-the-art mains.", 7),
        ("公司每月補助網路費八百元。", 13),
        ("使用 VPN 連線。", 6),
        ("- one\n- two", 2),
    ],
)
def test_what_a_reader_would_count(text: str, length: int) -> None:
    assert length_of(text) == length


def test_chinese_has_its_own_measure() -> None:
    assert in_tongue(100, Tongue.ENGLISH) == 100
    assert usual(Style.BRIEF, Tongue.CHINESE) > usual(Style.BRIEF, Tongue.ENGLISH)
    assert off("five words are in it", 4) == pytest.approx(0.25)


TEXT = (
    "The board approved the budget of the harbour. Rain fell. "
    "The budget of the harbour grew by a tenth. Somebody had brought cake to the meeting."
)


def test_what_is_least_central_goes_first_and_the_beginning_stays() -> None:
    text = shortened(TEXT, 16)
    assert text.startswith("The board approved the budget of the harbour.")
    assert "grew by a tenth" in text
    assert "cake" not in text
    assert shortened(TEXT, 500) == TEXT


def test_lines_stay_lines() -> None:
    lines = "- The budget grew.\n- Nobody spoke of cake at all.\n- The budget of the port grew."
    assert shortened(lines, 9).splitlines()[0] == "- The budget grew."


@given(st.lists(st.text("abcd ", min_size=1, max_size=40), max_size=9), st.integers(1, 30))
def test_it_ends_and_leaves_a_sentence(sentences: list[str], length: int) -> None:
    text = " ".join(f"{sentence.strip() or 'x'}." for sentence in sentences)
    assert bool(shortened(text, length)) == bool(text)
