"""Sentences are verified by the words of their source, and by nothing less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.passages import Found
from workers.citations import neighbours, places_of, prove, quoted, without_markers
from workers.sentences import sentence_spans, whole_sentences
from workers.tokens import tokens_of

ALDER = (
    "Alder Road\nAt 03:40 on 14 November 2024 a trunk main broke under Alder Road. "
    "It cut off 23,700 properties. The last was restored after 31 hours."
)
POLICY = "首次核准時，另補助購置桌椅之費用，以新臺幣 6,000 元為上限。每 3 年得申請一次。"


def passage(text: str, *, start: int = 100, heading: str = "Incidents › Alder Road") -> Found:
    return Found(
        chunk_id="chunk",
        document_id="doc",
        document_name="report.pdf",
        version_id="ver",
        page=12,
        char_start=start,
        char_end=start + len(text),
        heading=heading,
        text=text,
        score=1.0,
        similarity=None,
        words=None,
    )


def test_a_copied_sentence_is_verified_at_its_exact_place() -> None:
    proof = prove("It cut off 23,700 properties.", [passage(ALDER)])
    (citation,) = proof.citations
    assert proof.sentences[0].verified
    assert citation.quote == "It cut off 23,700 properties."
    begin = citation.char_start - 100
    assert ALDER[begin : citation.char_end - 100] == citation.quote
    assert citation.page == 12


def test_order_width_and_case_do_not_matter_much() -> None:
    assert prove("IT CUT OFF ２３,７００ PROPERTIES.", [passage(ALDER)]).carried == 1.0


@pytest.mark.parametrize(
    "claim",
    [
        "It cut off 23,800 properties.",  # another figure
        "The last was restored after 13 hours.",
        "The chair resigned over the burst and left the company.",
        "以新臺幣 8,000 元為上限。",
        "Yes.",  # nothing to hold on to
    ],
)
def test_what_the_source_does_not_say_is_not_verified(claim: str) -> None:
    proof = prove(claim, [passage(ALDER), passage(POLICY, heading="")])
    assert not proof.citations
    assert not any(sentence.verified for sentence in proof.sentences)


def test_chinese_sentences_are_verified_too() -> None:
    proof = prove("補助購置桌椅之費用以新臺幣 6,000 元為上限。", [passage(POLICY, heading="")])
    assert proof.sentences[0].verified
    assert "6,000" in proof.citations[0].quote


def test_two_sentences_from_one_place_share_a_citation() -> None:
    twice = "It cut off 23,700 properties. It cut off 23,700 properties."
    proof = prove(twice, [passage(ALDER)])
    assert len(proof.citations) == 1
    assert [sentence.citations for sentence in proof.sentences] == [(1,), (1,)]


def test_only_carried_drops_what_nothing_carries() -> None:
    proof = prove("It cut off 23,700 properties. The moon is made of cheese.", [passage(ALDER)])
    assert proof.carried == 0.5
    assert proof.only_carried().text == "It cut off 23,700 properties."


def test_forged_markers_are_dropped() -> None:
    assert without_markers("True [1]. Also true【2, 3】.") == "True. Also true."


def test_a_title_is_no_sentence() -> None:
    assert all(not place.text.startswith("Alder Road\n") for place in places_of(passage(ALDER)))


def test_titles_of_markdown_are_no_sentences_either() -> None:
    text = "# Incidents\n\n## Alder Road\n\nA trunk main broke. It was mended."
    first, *_ = places_of(passage(text))
    assert first.text == "A trunk main broke."
    alone = "## Alder Road"
    assert [place.text for place in places_of(passage(alone))] == [alone]


def test_a_quote_is_its_own_proof() -> None:
    place = next(iter(places_of(passage(ALDER))))
    proof = quoted([place])
    assert proof.text == proof.citations[0].quote
    assert proof.carried == 1.0


@given(st.text(alphabet="ab .。!\n「」1", max_size=200))
def test_sentences_cover_every_visible_character_once(text: str) -> None:
    covered = [0] * len(text)
    for start, end in sentence_spans(text):
        assert text[start:end].strip() == text[start:end]
        for place in range(start, end):
            covered[place] += 1
    assert all(
        count == 1
        for count, character in zip(covered, text, strict=True)
        if not character.isspace()
    )


@given(st.text(max_size=80), st.integers(0, 40))
def test_neighbours_stay_inside_the_text(text: str, begin: int) -> None:
    for start, end in neighbours(text, min(begin, len(text))):
        assert min(begin, len(text)) <= start < end <= len(text)


def test_numbers_keep_their_marks() -> None:
    assert tokens_of("4.15% of 23,700 (2024)") == ("4.15%", "of", "23,700", "2024")


def test_a_sentence_that_was_broken_off_goes() -> None:
    assert whole_sentences("One is whole. Two was brok") == "One is whole."
    assert whole_sentences("只有一句還沒寫") == "只有一句還沒寫"
    assert whole_sentences("第一句。「第二句。」") == "第一句。「第二句。」"


def test_a_proof_knows_which_places_it_touches() -> None:
    proof = prove("It cut off 23,700 properties.", [passage(ALDER)])
    touched = [place.text for place in places_of(passage(ALDER)) if proof.cites(place)]
    assert "It cut off 23,700 properties." in touched
    assert "The last was restored after 31 hours." not in touched
