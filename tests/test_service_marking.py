"""Answers as one text: markers where the citations are, addresses of what they cite."""

from typing import Any

import pytest

from service import marking, slugs
from service.links import address


def result(answer: str, *sentences: tuple[str, list[int], list[int]]) -> dict[str, Any]:
    told = [
        {"text": text, "citations": cited, "disputed": disputed}
        for text, cited, disputed in sentences
    ]
    return {"answer": answer, "sentences": told}


def test_markers_stand_behind_their_sentences() -> None:
    found = marking.marked(
        result(
            "It opened in 1931. Nobody knows why.\nIt is 120 m long.",
            ("It opened in 1931.", [1, 2], []),
            ("Nobody knows why.", [], []),
            ("It is 120 m long.", [2], [3]),
        )
    )
    assert found.text == "It opened in 1931. [1] [2] Nobody knows why.\nIt is 120 m long. [2] ≠[3]"
    named = [(mark.citation, found.text[mark.start : mark.end]) for mark in found.marks]
    assert named == [(1, "[1]"), (2, "[2]"), (2, "[2]"), (3, "[3]")]
    assert len(found.pieces) == 3


def test_what_no_sentence_is_is_kept() -> None:
    assert marking.marked(result("The documents do not say.")).text == "The documents do not say."
    odd = result("One. And more", ("Two.", [1], []), ("One.", [1], []))
    assert marking.marked(odd).text == "One. [1] And more"
    assert marking.marked(result("")).pieces == ()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("It opened in 1931. It is long.", "It opened in 1931. [1] [12] It is long. ≠[3]\n", True),
        ("會議於週一開始。", "會議於週一開始。 [1]", True),
        ("It opened in 1931.", "It opened in 1932. [1]", False),
        ("See [1].", "See [1]. [2]", True),
    ],
)
def test_an_answer_is_known_again(one: str, other: str, expected: bool) -> None:
    assert marking.same(one, other) is expected


def test_addresses_are_those_of_the_page() -> None:
    place = {"document_id": "doc/1", "version_id": "ver_2", "page": 3}
    marked = address("http://host/", {**place, "char_start": 5, "char_end": 9})
    assert marked == "http://host/#/documents/doc%2F1/pages/3?start=5&end=9&version=ver_2"
    whole = address("http://host/", {**place, "char_start": 5, "char_end": 5})
    assert whole == "http://host/#/documents/doc%2F1/pages/3?version=ver_2"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Annual Reports 2024", "annual-reports-2024"),
        ("人事規章（二）", "人事規章-二"),
        ("  a__b--c  ", "a-b-c"),
        ("ＡＢＣ", "abc"),
        ("!!!", ""),
        ("x" * 90, "x" * 60),
    ],
)
def test_names_become_slugs(name: str, expected: str) -> None:
    assert slugs.slug(name) == expected
