"""What carries a value, and which of several sections is believed."""

from typing import Any

import pytest
from fakes import FakeEmbedder
from hypothesis import given
from hypothesis import strategies as st

from workers.extraction import merging, verdict
from workers.extraction.asking import asking
from workers.extraction.evidence import LONGEST_QUOTE, Section, described
from workers.extraction.merging import Said, merged
from workers.extraction.nearness import Line, stems_of
from workers.extraction.quantities import quantities
from workers.extraction.schema import Field, fields_of

SCHEMA = {
    "type": "object",
    "properties": {
        "coupon": {"type": "number", "description": "coupon of the green bond"},
        "issuer": {"type": "string"},
        "regions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"region": {"type": "string"}, "works": {"type": "integer"}},
            },
        },
        "listed": {"type": "boolean"},
    },
    "required": ["coupon", "issuer"],
}
ROOT = fields_of(SCHEMA)
MONEY = "The £85 million green bond has a coupon of 4.15 per cent. The rate was 4.15 before too."
ROWS = "Region   Works\nTarrel Head   5\nColdmere   4\nMarlhaven   3\n"
NOTHING = dict.fromkeys(ROOT.members)


class Foreigner(FakeEmbedder):
    """Knows no word, as the bundled embedder knows no Chinese: words are compared alone."""

    def unknown_share(self, text: str) -> float:
        return 1.0


def found(parts: list[str], **values: Any) -> dict[str, Any]:
    section = Section(parts, FakeEmbedder())  # type: ignore[arg-type]
    made: dict[str, Any] = section.found({**NOTHING, **values}, ROOT, "")
    return made


def said(parts: list[str], page: int = 1, offset: int = 0, **values: Any) -> Said:
    places = [(page + number, offset, offset + len(text)) for number, text in enumerate(parts)]
    return Said(found(parts, **values), places)


def evidence(*sections: Said, small: bool = False) -> dict[str, Any]:
    fields: dict[str, Any] = merged(ROOT, sections, small)["fields"]
    return fields


def test_a_value_is_quoted_where_the_text_speaks_of_its_field() -> None:
    coupon = evidence(said([MONEY], page=20, offset=100, coupon=4.15))["coupon"]
    assert coupon["value"] == 4.15
    assert coupon["verified"]
    assert coupon["quote"] == MONEY[: MONEY.index(" The rate")]
    assert (coupon["page"], coupon["char_start"]) == (20, 100)
    assert coupon["char_end"] == 100 + len(coupon["quote"])
    assert 0.5 < coupon["confidence"] <= 1


def test_a_value_that_nothing_carries_is_kept_and_marked() -> None:
    coupon = evidence(said([MONEY], coupon=9.9))["coupon"]
    assert (coupon["value"], coupon["verified"]) == (9.9, False)
    assert coupon["confidence"] <= 0.5


def test_of_a_small_model_it_is_a_draft() -> None:
    coupon = evidence(said([MONEY], coupon=9.9), small=True)["coupon"]
    assert (coupon["value"], coupon["draft"], coupon["page"]) == (None, 9.9, None)
    assert coupon["confidence"] == 0


def test_the_row_of_a_table_is_the_quote_of_an_item() -> None:
    rows = [{"region": "Coldmere", "works": 4}, {"region": "Marlhaven", "works": 5}]
    regions = evidence(said(["Words.", ROWS], page=3, regions=rows))["regions"]
    right, mixed = regions["items"]
    assert (right["quote"], right["page"], right["verified"]) == ("Coldmere   4", 4, True)
    assert not mixed["verified"] or len(mixed["quote"].splitlines()) > 1
    assert regions["value"] == rows


def test_a_value_that_runs_over_a_full_stop_is_quoted_whole() -> None:
    issuer = evidence(
        said(["We welcomed Dr. Rosalind Quaye to the board."], issuer="Dr. Rosalind Quaye")
    )
    assert "Dr. Rosalind Quaye" in issuer["issuer"]["quote"]


def test_a_paraphrase_is_carried_like_an_answers_sentence() -> None:
    text = (
        "The trunk main under Alder Road, which was laid in 1931, burst on a Thursday in November."
    )
    issuer = evidence(said([text], issuer="the trunk main under Alder Road burst in November"))
    assert issuer["issuer"]["verified"]
    assert issuer["issuer"]["quote"] == text


def test_true_and_false_are_never_verified() -> None:
    listed = evidence(said(["The company is listed."], listed=True))["listed"]
    assert (listed["value"], listed["verified"]) == (True, False)


def test_long_sentences_are_quoted_around_the_value() -> None:
    text = "word " * 300 + "Calder & Pyne " + "word " * 300
    issuer = evidence(said([text], issuer="Calder & Pyne"))["issuer"]
    assert "Calder & Pyne" in issuer["quote"]
    assert len(issuer["quote"]) <= LONGEST_QUOTE
    assert text[issuer["char_start"] : issuer["char_end"]] == issuer["quote"]


def test_verified_values_come_before_others_and_more_before_fewer() -> None:
    one = said(["The issuer is Alpha."], issuer="Alpha")
    two = said(["The issuer is Beta."], page=2, issuer="Beta")
    invented = said(["Nothing is said."], page=3, issuer="Gamma")
    assert evidence(invented, invented, invented, one)["issuer"]["value"] == "Alpha"
    assert evidence(one, two, two)["issuer"]["value"] == "Beta"
    assert evidence(one, two)["issuer"]["value"] == "Alpha"
    alone, divided = evidence(one)["issuer"], evidence(one, two)["issuer"]
    assert divided["confidence"] == pytest.approx(alone["confidence"] / 2, abs=0.05)


def test_arrays_are_united_without_duplicates() -> None:
    first = said([ROWS], regions=[{"region": "Coldmere", "works": 4}])
    second = said(
        [ROWS],
        page=2,
        regions=[{"region": "COLDMERE", "works": 4}, {"region": "Tarrel Head", "works": 5}],
    )
    regions = evidence(first, second)["regions"]
    assert [item["region"] for item in regions["value"]] == ["Coldmere", "Tarrel Head"]
    assert [item["page"] for item in regions["items"]] == [1, 2]


def test_what_nobody_found_is_missing() -> None:
    values = merging.values_of(evidence(said([MONEY], coupon=4.15)))
    assert list(verdict.missing(ROOT, values)) == ["issuer"]
    (error,) = verdict.errors(SCHEMA, ROOT, values)
    assert error == {"at": "$", "message": "'issuer' is a required property"}
    assert verdict.errors(SCHEMA, ROOT, {**values, "issuer": "A"}) == []


def test_null_counts_where_the_schema_allows_it() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": ["integer", "null"], "minimum": 3},
            "b": {"type": "object", "properties": {"c": {}}, "required": ["c"]},
            "d": {"type": "string", "format": "date"},
        },
        "required": ["a"],
    }
    root = fields_of(schema)
    nothing = {"a": None, "b": None, "d": None}
    assert verdict.errors(schema, root, nothing) == []
    assert list(verdict.missing(root, nothing)) == ["a"]
    odd = {"a": 2, "b": {"c": None}, "d": "2025-02-30"}
    assert [error["at"] for error in verdict.errors(schema, root, odd)] == ["$.a", "$.b", "$.d"]
    assert list(verdict.missing(root, odd)) == ["b.c"]


def test_a_large_model_is_asked_once_a_small_one_for_what_the_words_leave_open() -> None:
    parts = [MONEY, ROWS, "\n\n".join(f"Sentence {n} is about nothing at all." for n in range(90))]
    section = Section(parts, FakeEmbedder())  # type: ignore[arg-type]
    (whole,) = asking(ROOT, parts, section, small=False).questions
    assert (whole.root, whole.text) == (ROOT, "\n".join(parts))
    asked = asking(ROOT, parts, section, small=True)
    assert asked.known == {"coupon": 4.15}
    assert {name for question in asked.questions for name in question.root.members} <= {
        "issuer",
        "regions",
    }
    assert all(len(question.text) < 1_000 for question in asked.questions)


@pytest.mark.parametrize(
    ("text", "name", "about", "value"),
    [
        (MONEY, "size", "size of the green bond in million pounds", 85),
        ("It burst on 14 November 2024 and 23,700 properties lost their supply for 31 hours.",
         "properties", "properties that lost their supply", 23_700),
        ("首次核准時，另補助設備之費用，以新臺幣 6,000 元為上限，每 3 年得申請一次。",
         "上限", "設備補助費用的上限", 6_000),
        ("6 月 12 日挖到一段砌石墻，長 27 公尺。", "長度", "砌石墻長幾公尺", 27),
        ("Nothing is said of money; 5 people came.", "price", "price of a share", None),
    ],
)  # fmt: skip
def test_of_several_figures_the_one_beside_the_fields_words_is_taken(
    text: str, name: str, about: str, value: int | None
) -> None:
    root = fields_of(
        {"type": "object", "properties": {name: {"type": "number", "description": about}}}
    )
    embedder = FakeEmbedder() if text.isascii() else Foreigner()
    section = Section([text], embedder)  # type: ignore[arg-type]
    assert asking(root, [text], section, small=True).known == {name: value}


def test_parts_of_dates_are_no_quantities_unless_a_year_is_sought() -> None:
    text = "On 7 February 2025, in March 2024 and on 6 月 12 日 we moved 3.5 tonnes in 2023."
    whole, number = Field("integer"), Field("number")
    assert [one.value for one in quantities(number, text, "tonnes")] == [3.5]
    assert 2023 in [one.value for one in quantities(whole, text, "year of the move")]
    days = quantities(Field("string", date=True), text, "day")
    assert [one.value for one in days] == ["2025-02-07"]


@given(st.text(max_size=60), st.text(max_size=20), st.integers(0, 60), st.integers(0, 60))
def test_nearness_is_a_share(text: str, about: str, start: int, end: int) -> None:
    assert 0 <= Line(stems_of(about), text).nearness((min(start, end), max(start, end))) <= 1


scalars = st.sampled_from([None, "Alpha", "Beta", "4.15", "per cent"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([4.15, 85, 7, None]),
            scalars,
            st.lists(st.fixed_dictionaries({"region": scalars, "works": st.none()}), max_size=3),
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_merging_keeps_what_was_found_and_nothing_else(
    given_values: list[tuple[Any, Any, list[Any]]], small: bool
) -> None:
    sections = [
        said([MONEY], page=n, coupon=c, issuer=i, regions=[r for r in rows if r["region"]] or None)
        for n, (c, i, rows) in enumerate(given_values)
    ]
    fields = evidence(*sections, small=small)
    for name, place in (("coupon", 0), ("issuer", 1)):
        offered = [values[place] for values in given_values]
        assert fields[name]["value"] in [*offered, None]
        if not small and any(value is not None for value in offered):
            assert fields[name]["value"] is not None
    items = [item["region"] for item in fields["regions"]["value"] or []]
    assert len(items) == len(set(items))
    for one in walk(fields):
        assert 0 <= one["confidence"] <= 1
        assert not one["verified"] or one["quote"] in MONEY
        assert not small or one["value"] is None or one["verified"]


def walk(fields: dict[str, Any]) -> Any:
    for one in fields.values():
        yield one
        yield from one.get("items", ())
        yield from walk(one.get("fields", {}))


def test_objects_are_filled_from_several_sections() -> None:
    root = fields_of(
        {
            "type": "object",
            "properties": {
                "party": {"type": "object", "properties": {"name": {}, "city": {}}},
            },
        }
    )
    section = Section(["Alpha of Coldmere."], FakeEmbedder())  # type: ignore[arg-type]
    parts = [(1, 0, 18)]
    name = Said(section.found({"party": {"name": "Alpha", "city": None}}, root, ""), parts)
    city = Said(section.found({"party": {"name": None, "city": "Coldmere"}}, root, ""), parts)
    party = merged(root, [name, city], small=False)["fields"]["party"]
    assert party["value"] == {"name": "Alpha", "city": "Coldmere"}
    assert party["verified"]
    assert party["fields"]["city"]["quote"] == "Alpha of Coldmere."
    assert merged(root, [], small=False)["fields"]["party"]["value"] is None


def test_names_are_read_as_words() -> None:
    assert described("unitPrice_net", Field("number", about="Price")) == "unit Price net Price"
