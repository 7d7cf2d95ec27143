"""A small model's summary says what its source says, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from workers.meaning import WORDS_ONLY
from workers.sentences import sentence_spans
from workers.summaries.faithful import faithful
from workers.support import Support, supported
from workers.tokens import tokens_of

SOURCE = (
    "Northbank renewed 118 kilometres of mains in the year at a cost of 232 pounds a metre. "
    "The board of Northbank accepted all nine recommendations of the review of the mains. "
    "A dog named Biscuit found eleven leaks in the mains of Northbank during the winter. "
    "Page 12"
)


def test_invented_sentences_go_and_carried_ones_stay() -> None:
    written = (
        "Northbank renewed 118 kilometres of mains in the year. "
        "The prime minister opened the new bridge across the river."
    )
    text = faithful(written, SOURCE, 9, WORDS_ONLY)
    assert text == "Northbank renewed 118 kilometres of mains in the year."


def test_an_empty_summary_is_filled_from_the_source_in_its_order() -> None:
    text = faithful("", SOURCE, 30, WORDS_ONLY)
    kept = [text[start:end] for start, end in sentence_spans(text)]
    assert len(kept) == 2
    assert all(sentence in SOURCE for sentence in kept)
    assert SOURCE.index(kept[0]) < SOURCE.index(kept[1])


def test_chinese_is_joined_without_spaces() -> None:
    source = "公司每月補助網路及電費新臺幣八百元整。同仁應於一小時內以電話通報資訊安全室。"
    assert faithful("", source, 60, WORDS_ONLY) == source


def test_figures_of_two_sentences_do_not_become_one() -> None:
    assert faithful("", "字字字字第1. 1字詞詞。", 60, WORDS_ONLY) == "字字字字第1. 1字詞詞。"


@given(st.text(max_size=300), st.text(alphabet="ab .。1字詞\n", max_size=300))
def test_every_number_comes_from_the_source(written: str, source: str) -> None:
    numbers = {
        token for token in tokens_of(faithful(written, source, 3, WORDS_ONLY)) if token[0].isdigit()
    }
    assert numbers <= {token for token in tokens_of(source) if token[0].isdigit()}


def test_in_a_transcript_every_quote_says_who_said_it_and_is_proved() -> None:
    talk = (
        "Marketing: Users lose the old remote control. The new one should cost 25 euros.\n\n"
        "Design: A rubber case costs two euros more. Nobody asked for a display.\n\n"
        "Marketing: Then we take the rubber case and leave the display out."
    )
    text = faithful("", talk, 60, WORDS_ONLY)
    lines = text.split("\n")
    assert "Marketing: The new one should cost 25 euros." in lines
    assert "Design: Nobody asked for a display." in lines
    carried = list(supported(text, [talk], WORDS_ONLY))
    assert len(carried) == len(lines)
    assert {one.support for one in carried} == {Support.VERIFIED}
    # And as a part of something larger it stays as it is.
    assert faithful("", text, 60, WORDS_ONLY) == text
