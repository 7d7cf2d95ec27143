"""Texts that share a prompt: whole where they fit, else the longest give way."""

import pytest

from workers.summaries.fitted import BETWEEN, fitted

LONG = "One two three four. Five six seven eight. Nine ten eleven twelve."


def count(text: str) -> int:
    return len(text.split())


def test_what_fits_stays_as_it_is() -> None:
    assert fitted([LONG, "Short."], 100, count) == [LONG, "Short."]
    assert fitted([], 100, count) == []


def test_the_longest_is_cut_at_a_sentence() -> None:
    short = "It is so."
    assert fitted([LONG, short], 16, count) == ["One two three four. Five six seven eight.", short]


@pytest.mark.parametrize("room", [6, 10, 20, 40])
def test_all_together_never_take_more_than_there_is(room: int) -> None:
    texts = [LONG, "a b c d e f g h i j k l m n o p", "Short one."]
    kept = fitted(texts, room, count)
    assert sum(count(text) + BETWEEN for text in kept) <= max(room, BETWEEN * len(texts))
    assert all(text.startswith(each) for text, each in zip(texts, kept, strict=True))


def test_a_sentence_without_end_is_cut_at_a_word() -> None:
    assert fitted(["alpha beta gamma delta", "x"], 7, count) == ["alpha beta", "x"]


def test_text_without_blanks_is_cut_at_a_character() -> None:
    (cut,) = fitted(["港" * 50], 12, len)
    assert cut == "港" * 10
