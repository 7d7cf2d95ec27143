"""The model's text reaches nobody with a link, an image, a tag or an invisible character in it."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.sanitiser import Sanitiser, clean

FRAGMENTS = [
    *"[]()!<>/:.;,?'\" \n\tahx1中。",
    *["http", "https://", "//", "www.", "javascript:", "data:", "](", "![", "</", "<img", "例え"],
    *["\u200b", "\u202e", "\x00", "\r", "\u00ad", "\U000e0041", "é", "a.b/c?d=e", "ſ", "K"],
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=40)

FORBIDDEN = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://|//[A-Za-z0-9]|\bwww\.[A-Za-z0-9]"
    r"|(?<![A-Za-z0-9])javascript:[A-Za-z0-9]|\]\(|!\[|<[A-Za-z/!?]"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def streamed(text: str, cuts: list[int]) -> str:
    sanitiser = Sanitiser()
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [sanitiser.push(text[begin:end]) for begin, end in pairwise(edges)]
    return "".join(pieces) + sanitiser.finish()


@given(text=TEXTS, cuts=st.lists(st.integers(0, 200), max_size=40))
@example(text="ht\u200btp:/\u200b/evil.com", cuts=list(range(20)))
@example(text="](a)(b)", cuts=[])
@example(text="!![x](y)", cuts=[1, 2])
@example(text="ajavascript:a", cuts=[])  # a scheme of its own, which no browser knows
@example(text="https://例え.jp/路徑?秘=x", cuts=list(range(20)))
@example(text="a" * 500 + "http://x.y/" + "b" * 500, cuts=[505, 507, 900])
def test_any_split_is_cleaned_alike_and_nothing_survives(text: str, cuts: list[int]) -> None:
    whole = clean(text)
    assert streamed(text, cuts) == whole
    assert not FORBIDDEN.search(whole)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://a.com/x?y=1. And on.", "See [link removed]. And on."),
        ("![](https://e/?q=secret)", "[]"),
        ("[the plan](http://a/b) holds", "[the plan] holds"),
        ("詳見（https://a.tw/路）。", "詳見（[link removed]路）。"),
        ("<script>x</script> 1 < 2", "‹script>x‹/script> 1 < 2"),
        ("javascript:alert(1) and JavaScript: The", "[link removed]) and JavaScript: The"),
        ("metadata:kept, a: b, 3://", "metadata:kept, a: b, 3://"),
        ("line\r\nline\ttab", "line\nline\ttab"),
        ("[1] (p. 3) stays", "[1] (p. 3) stays"),
    ],
)
def test_what_is_removed_and_what_stays(text: str, expected: str) -> None:
    assert clean(text) == expected
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1))
def test_chinese_streams_without_being_held(text: str) -> None:
    sanitiser = Sanitiser()
    assert [sanitiser.push(character) for character in text] == list(text)
    assert sanitiser.finish() == ""


def test_english_is_held_for_a_word_at_most() -> None:
    sanitiser = Sanitiser()
    pushed = [sanitiser.push(piece) for piece in ("The ", "lev", "ee ", "held.")]
    assert pushed == ["The ", "", "levee ", ""]
    assert sanitiser.finish() == "held."
