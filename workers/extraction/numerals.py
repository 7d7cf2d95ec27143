"""Figures and dates in a text, as they are written: 1,234.5 · １２３４ · 六千 · 民國114年2月7日.

A figure may be read in more than one way (1.234 is a thousand and some in half of Europe), so each
carries all its readings: whoever looks for a number asks whether one of them is it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

#: Full-width signs to narrow ones and the like, one for one, so that places stay the same.
WIDE = "".join(map(chr, range(0xFF01, 0xFF5F)))
NARROW = str.maketrans(
    f"{WIDE}\u3000\u2212万亿两", f"{''.join(map(chr, range(0x21, 0x7F)))} -萬億兩"
)
SPACES = "\u00a0\u2009\u202f'’"  #: besides comma and point, between groups of three
FIGURE = re.compile(rf"\d+(?:[.,{SPACES}]\d+)*")
READINGS = tuple(
    re.compile(rf"(?P<whole>\d{{1,3}}(?:[{group}{SPACES}]\d{{3}})+|\d+)(?:{point}(?P<part>\d+))?")
    for group, point in ((",", r"\."), (r"\.", ","))
)
SCALE = re.compile(
    r"[\s\u00a0]*(?:(thousand|million|billion|trillion|bn|mn|k|m)\b|(per\s?cent|percent|pct|%)"
    r"|(百萬|千萬|十億|百億|千|萬|億|兆))",
    re.IGNORECASE,
)
#: Of ten.
POWERS = {"k": 3, "thousand": 3, "m": 6, "mn": 6, "million": 6, "bn": 9, "billion": 9}
POWERS |= {"trillion": 12, "千": 3, "萬": 4, "百萬": 6, "千萬": 7, "億": 8, "十億": 9, "百億": 10}
POWERS |= {"兆": 12}
DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "兩": 2}
UNITS = {"十": 10, "百": 100, "千": 1_000}
LARGE = {"萬": 10**4, "億": 10**8, "兆": 10**12}
NUMERAL = re.compile("[〇零一二兩三四五六七八九十百千萬億兆]+")
#: What makes a single 三 a figure and not part of a word.
COUNTED = re.compile("[年月日時分秒個次元條項款期級名件份人天週小號章成倍屆]")
WORDS = {
    word: value
    for value, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split(),
        start=2,
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)

MONTHS = {
    name: number
    for number, name in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
NAMES = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
MONTH = f"(?P<month>{NAMES})"
DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        r"(?P<era>民[國国])?\s*(?P<year>\d{2,4})\s*年\s*(?P<month>\d\d?)\s*月\s*(?P<day>\d\d?)\s*日",
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+{MONTH},?\s+(?P<year>\d{{4}})",
        rf"\b{MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})",
        r"(?<!\d)(?P<day>\d{1,2})[/.](?P<month>\d{1,2})[/.](?P<year>\d{4})(?!\d)",
        r"(?<!\d)(?P<month>\d{1,2})[/.](?P<day>\d{1,2})[/.](?P<year>\d{4})(?!\d)",
    )
)
#: Parts of dates: 7 February, March 2025, 2025, 2 月 7 日.
CALENDAR = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+{NAMES}(?:,?\s+\d{{4}}\b)?|\b{NAMES}\s+\d{{1,4}}\b"
    r"|\b(?:19|20)\d\d\b|\d{1,2}\s*月(?:\s*\d{1,2}\s*日)?",
    re.IGNORECASE,
)
ROC = 1911  #: the year before 民國元年


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in a text, and every number that it may be."""

    start: int
    end: int
    readings: frozenset[Decimal]
    plain: Decimal | None  #: as English and Chinese write it, without what follows


@dataclass(frozen=True, slots=True)
class Day:
    """A date in a text."""

    start: int
    end: int
    date: date


def figures(text: str) -> Iterator[Figure]:
    """Every number in the text, by figures first, then those in words."""
    narrow = text.translate(NARROW)
    for match in FIGURE.finditer(narrow):
        read = [_read(pattern, match.group()) for pattern in READINGS]
        values = {value for value in read if value is not None}
        if values:
            yield _figure(narrow, match.start(), match.end(), values, read[0])
    for match in NUMERAL.finditer(narrow):
        value = _numeral(match.group())
        if value is not None and (len(match.group()) > 1 or COUNTED.match(narrow, match.end())):
            yield _figure(narrow, match.start(), match.end(), {value}, value)
    for match in WORD.finditer(narrow):
        value = Decimal(WORDS[match.group().casefold()])
        yield _figure(narrow, match.start(), match.end(), {value}, value)


def _figure(text: str, start: int, end: int, values: set[Decimal], plain: Decimal | None) -> Figure:
    """The readings with the sign before it and what multiplies it behind it."""
    factor = _factor(text, end)
    readings = values | {value * factor for value in values}
    if start and text[start - 1] in "-(":
        readings |= {-value for value in readings}
        plain = -plain if plain is not None and text[start - 1] == "-" else plain
    return Figure(start, end, frozenset(readings), plain)


def _read(pattern: re.Pattern[str], text: str) -> Decimal | None:
    match = pattern.fullmatch(text)
    if match is None:
        return None
    whole = re.sub(r"\D", "", match["whole"])
    try:
        return Decimal(f"{whole}.{match['part'] or 0}")
    except InvalidOperation:  # digits that Python's decimal does not know
        return None


def _factor(text: str, at: int) -> Decimal:
    found = SCALE.match(text, at)
    if found is None:
        return Decimal(1)
    if found[2]:
        return Decimal("0.01")
    return Decimal(10) ** POWERS[(found[1] or found[3]).casefold()]


def _numeral(text: str) -> Decimal | None:
    """A Chinese numeral: 三千二百 by its units, 一一四 digit by digit; None if it is neither."""
    if all(each in DIGITS for each in text):
        return Decimal("".join(str(DIGITS[each]) for each in text))
    total, section, digit = 0, 0, None
    for each in text:
        if each in DIGITS:
            digit = DIGITS[each]
        elif each in UNITS:
            section += (1 if digit is None else digit) * UNITS[each]
            digit = None
        else:
            section += digit or 0
            if not section:
                return None
            total, section, digit = total + section * LARGE[each], 0, None
    return Decimal(total + section + (digit or 0))


def days(text: str) -> Iterator[Day]:
    """Every date in the text; one that may be read in two ways comes twice."""
    narrow = text.translate(NARROW)
    for pattern in DATES:
        for match in pattern.finditer(narrow):
            found = _date(match.groupdict())
            if found is not None:
                yield Day(match.start(), match.end(), found)


def calendar(text: str) -> Iterator[tuple[int, int]]:
    """Where dates and parts of dates stand, whose figures count nothing."""
    yield from ((day.start, day.end) for day in days(text))
    yield from (match.span() for match in CALENDAR.finditer(text.translate(NARROW)))


def _date(parts: dict[str, str | None]) -> date | None:
    year, month, day = (str(parts[name]) for name in ("year", "month", "day"))
    number = int(month) if month.isdigit() else MONTHS[month[:3].casefold()]
    era = bool(parts.get("era")) or len(year) < 4
    try:
        return date(int(year) + (ROC if era else 0), number, int(day))
    except ValueError:
        return None
