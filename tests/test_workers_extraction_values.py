"""Values as models write them and as documents do: read, folded, and found again."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.extraction.answer import fitted, read
from workers.extraction.numerals import days, figures
from workers.extraction.schema import Field, fields_of
from workers.extraction.standing import Held, same

TEXT, NUMBER, WHOLE = Field("string"), Field("number"), Field("integer")
DATE = Field("string", date=True)
ROOT = fields_of(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "year": {"type": "integer"},
            "rate": {"type": "number"},
            "open": {"type": "boolean"},
            "kind": {"enum": ["Report", "Policy"]},
            "names": {"type": "array", "items": {"type": "string"}},
            "party": {"type": "object", "properties": {"name": {}, "vat": {}}},
        },
    }
)


def readings(text: str) -> set[Decimal]:
    return {reading for figure in figures(text) for reading in figure.readings}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1’234", "1234"),
        ("１，２３４．５", "1234.5"),
        ("4.15 per cent", "4.15"),
        ("4.15 per cent", "0.0415"),
        ("£62.0 million", "62000000"),
        ("3.5 億元", "350000000"),
        ("12万人", "120000"),
        ("a loss of -7", "-7"),
        ("a loss of (1,200)", "-1200"),
        ("−5 degrees", "-5"),
        ("fourteen years", "14"),
        ("第十三條", "13"),
        ("三千二百元", "3200"),
        ("一億二千萬元", "120000000"),
        ("民國一一四年", "114"),
        ("三個月", "3"),
        ("007", "7"),
    ],
)
def test_numbers_are_read_however_they_are_written(text: str, number: str) -> None:
    assert Decimal(number) in readings(text)


def test_words_that_only_look_like_numbers_are_none() -> None:
    assert readings("一般人都這麼說，三思而行。") == set()
    assert Decimal(5) not in readings("2025")
    assert Decimal(2025) not in readings("2025.03.31")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=2))
def test_a_number_written_in_groups_is_found(number: Decimal) -> None:
    assert number in readings(f"a total of {number:,} in all")
    wide = f"{number:,}".translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789.,"})
    assert number in readings(f"共{wide}元")


@given(st.integers(0, 9_999))
def test_chinese_numerals_are_read(number: int) -> None:
    digits, units = "零一二三四五六七八九", ("千", "百", "十", "")
    written, gap = "", False
    for digit, unit in zip(f"{number:04}", units, strict=True):
        if digit != "0":
            written += ("零" if gap and written else "") + digits[int(digit)] + unit
        gap = digit == "0"
    if len(written) > 1:
        assert Decimal(number) in readings(f"共{written}元")


@pytest.mark.parametrize(
    "text",
    [
        "on 7 February 2025", "Feb 7, 2025", "February 7th, 2025", "2025-02-07", "2025/2/7",
        "2025.02.07", "2025年2月7日", "民國114年2月7日", "民國 114 年 2 月 7 日",
        "２０２５年２月７日", "7/2/2025", "7th of February 2025",
    ],
)  # fmt: skip
def test_dates_are_read_however_they_are_written(text: str) -> None:
    assert date(2025, 2, 7) in [day.date for day in days(text)]


@given(st.text(max_size=200))
def test_any_text_can_be_looked_through(text: str) -> None:
    held = Held.of(text)
    for field, value in ((TEXT, text[:20]), (NUMBER, 3.5), (WHOLE, 2025), (DATE, "2025-02-07")):
        for start, end in held.spans(value, field):
            assert 0 <= start < end <= len(text)


@given(st.dates(min_value=date(1912, 1, 1)))
def test_a_date_is_found_in_every_calendar(day: date) -> None:
    roc = f"民國{day.year - 1911}年{day.month}月{day.day}日"
    for text in (f"{day:%d %B %Y}", f"{day:%B %d, %Y}", roc, day.isoformat()):
        if text != roc or day.year - 1911 > 9:
            assert Held.of(f"since {text} or so").spans(day.isoformat(), DATE)


def standing(text: str, value: Any, field: Field = TEXT) -> list[str]:
    return [text[start:end] for start, end in Held.of(text).spans(value, field)]


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("by Northbank\nWater plc", "NORTHBANK WATER", ["Northbank\nWater"]),
        ("由資訊\n安全室核准", "資訊安全室", ["資訊\n安全室"]),
        ("分機７１１９", "7119", ["７１１９"]),
        ("新臺幣", "新台币", ["新臺幣"]),
        ("the “Blue” pact", 'the "Blue" pact', ["the “Blue” pact"]),
        ("23,700 homes", "23", []),
        ("1.5 km", "5", []),
        ("category", "cat", []),
        ("34km", "34", ["34"]),
        ("due 7 February 2025.", "2025-02-07", ["7 February 2025"]),
        ("nothing here", "", []),
    ],
)
def test_texts_are_found_whatever_their_width_case_and_breaks(
    text: str, value: str, found: list[str]
) -> None:
    assert standing(text, value) == found


def test_what_no_words_can_show_stands_nowhere() -> None:
    assert standing("true or false, yes or no", True, Field("boolean")) == []


def test_equal_values_are_the_same() -> None:
    assert same(6000) == same(6000.0)
    assert same("Ｎorthbank  Water") == same("northbank water")
    assert same({"a": [1, "X"], "b": None}) == same({"b": None, "a": [1.0, "x"]})
    assert same(True) != same(1)
    assert hash(same({"a": [1]})) is not None


EMPTY = dict.fromkeys(ROOT.members)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"title": "A", "year": 2025}', {"title": "A", "year": 2025}),
        ('```json\n{"title": "A"}\n```', {"title": "A"}),
        ('<think>{"title": "B"}</think> Here: {"title": "A"}', {"title": "A"}),
        ('{"year": "2,025", "rate": "4.15 %"}', {"year": 2025, "rate": 4.15}),
        ('{"year": 2025.0, "rate": 4}', {"year": 2025, "rate": 4}),
        ('{"year": 2025.5, "rate": true}', {}),
        ('{"year": "from 2024 to 2025"}', {}),
        ('{"title": "Not specified.", "names": ["N/A", "A"]}', {"names": ["A"]}),
        ('{"title": 7, "open": "yes"}', {"title": "7", "open": True}),
        ('{"kind": "report"}', {"kind": "Report"}),
        ('{"kind": "Memo"}', {}),
        ('{"names": "A", "party": {"name": "B", "more": 1}}',
         {"names": ["A"], "party": {"name": "B", "vat": None}}),
        ('{"names": [], "party": {"name": null}}', {}),
        ('{"names": {"x": 1}, "party": [1], "title": ["A"]}', {}),
        ("no JSON at all", {}),
        ("{]", {}),
        ('{"title": "a ![x](http://evil/?q=1) b"}', {"title": "a [x] b"}),
        ('{"rate": 1e999}', {}),
    ],
)  # fmt: skip
def test_whatever_comes_only_what_fits_is_taken(text: str, found: dict[str, Any]) -> None:
    assert read(text, ROOT, complete=True) == EMPTY | found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"title": "A", "year": 202', {"title": "A"}),
        ('{"title": "A bro', {}),
        ('{"title": "A", "names": ["B", "C', {"title": "A", "names": ["B"]}),
        ('{"title": "A", "party": {"name": "B", "vat": "x', {"title": "A",
                                                             "party": {"name": "B", "vat": None}}),
    ],
)  # fmt: skip
def test_of_a_broken_off_answer_the_last_value_is_left_out(
    text: str, found: dict[str, Any]
) -> None:
    assert read(text, ROOT, complete=False) == EMPTY | found


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(ROOT.members)), json_values))
def test_any_json_is_fitted_and_then_stays(value: dict[str, Any]) -> None:
    made = fitted(value, ROOT)
    assert made is None or fitted(made, ROOT) == made


@given(st.text(max_size=80), st.booleans())
def test_any_text_is_read(text: str, complete: bool) -> None:
    assert set(read("{" + text, ROOT, complete)) == set(ROOT.members)
