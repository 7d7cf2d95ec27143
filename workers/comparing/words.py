"""A text as words that can be compared: one form for all ways of writing the same.

Width, case and Traditional against Simplified characters are folded. A number has one form whether
it is written 30, ３０ or 三十, 12 % or 百分之十二, (1,234) or -1,234. A hyphen joins, so that a
word broken at a line's end is whole again. CJK text is taken character by character, so that a
changed 應 is seen among neighbours that stayed the same.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from ingest.words import CJK, fold

FORMS_KEPT = 100_000


class Sort(StrEnum):
    """What a word is for a reader who looks for differences."""

    FIGURE = "figure"
    NEGATION = "negation"
    DUTY = "duty"  #: what somebody shall, must or may
    NAME = "name"
    WORD = "word"
    CURRENCY = "currency"  #: a sign that tables leave out as they please
    LIGHT = "light"  #: changes nothing that is said


@dataclass(frozen=True, slots=True)
class Word:
    """A word, a number or one CJK character; `start` and `end` are offsets into its text."""

    form: str
    start: int
    end: int
    sort: Sort

    @property
    def cjk(self) -> bool:
        """Whether it is one character of a text without spaces."""
        return len(self.form) == 1 and _CJK.match(self.form) is not None


LIGHT = frozenset("a an the of that which 的 之 了 也 亦 而".split())
NEGATIONS = frozenset(
    "no not never neither nor none nobody nothing without cannot "
    "不 未 無 无 非 毋 勿 沒 没 否 免 禁".split()
)
NEGATED = ("n't", "n’t")
DUTIES = frozenset(
    "shall must may should will would can could might required "
    "應 应 得 須 须 可 必 宜 准 需".split()
)

_DIGITS = {
    sign: digit
    for digit, signs in enumerate(
        "零〇 一壹 二貳贰兩两 三參叁 四肆 五伍 六陸陆 七柒 八捌 九玖".split()
    )
    for sign in signs
}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_MYRIADS = {"萬": 10**4, "万": 10**4, "億": 10**8, "亿": 10**8, "兆": 10**12}
_UNITS = {**_TENS, **_MYRIADS}
_NUMERAL = "".join([*_DIGITS, *_UNITS])
#: A Chinese numeral counts as a number before one of these, or behind 第: not so in 一般 or 萬一.
_MEASURE = "年月日天個个次元圓公條条項项款章節节期週周時时分秒人名位件倍成折歲岁坪噸斤里點点"
_LETTER = rf"[^\W\d_{CJK}]"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)*"
_PATTERN = re.compile(
    rf"""
    (?P<figure>
        (?P<minus>(?<![\w)%])[-−–](?=[$€£¥]?\d)[$€£¥]?)?
        (?P<number>{_NUMBER})
        (?P<unit>\s?[千仟{"".join(_MYRIADS)}])?
        (?P<percent>\s?[%％]|\s?per\s?cent\b)?
    )
    | 百分之(?P<share>[{_NUMERAL}]+|{_NUMBER})
    | (?P<numeral>(?<=第)[{_NUMERAL}]+|[{_NUMERAL}]+(?=[{_MEASURE}]))
    | (?P<currency>[$€£¥])
    | (?P<word>{_LETTER}+(?:['’\-\u2010\u2011\u00ad]\n?{_LETTER}+)*)
    | (?P<character>(?![\W\d_])[{CJK}])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FIGURES = frozenset({"figure", "share", "numeral"})
_CJK = re.compile(f"[{CJK}]")
_JOINTS = re.compile("['’\\-\u2010\u2011\u00ad\\s]")
_WHOLE = re.compile(r"(\d+)\.0+")
_YEAR = re.compile(r"(?:19|20)\d\d")


def words_of(text: str) -> Iterator[Word]:
    """The words of `text`, in order."""
    first = True
    for match in _PATTERN.finditer(text):
        if match.lastgroup in _FIGURES:
            yield _figure(match)
        elif match.lastgroup == "currency":
            yield Word(match.group(), *match.span(), Sort.CURRENCY)
        else:
            form = _form(match.group())
            yield Word(form, *match.span(), _sort(form, match.group(), first))
        first = False


def _sort(form: str, written: str, first: bool) -> Sort:
    if form in LIGHT:
        return Sort.LIGHT
    if form in NEGATIONS or written.lower().endswith(NEGATED):
        return Sort.NEGATION
    if form in DUTIES:
        return Sort.DUTY
    return Sort.NAME if written[0].isupper() and not first else Sort.WORD


@lru_cache(FORMS_KEPT)
def _form(written: str) -> str:
    return fold(_JOINTS.sub("", written))


def _figure(match: re.Match[str]) -> Word:
    start, end = match.span()
    if share := match["share"]:
        value = str(_value(share)) if share[0] in _NUMERAL else _plain(share)
        return Word(f"{value}%", start, end, Sort.FIGURE)
    if numeral := match["numeral"]:
        return Word(str(_value(numeral)), start, end, Sort.FIGURE)
    form = _amount(match["number"], match["unit"]) + ("%" if match["percent"] else "")
    if match["minus"]:
        form = f"-{form}"
    elif _in_brackets(match):
        form, start, end = f"-{form}", start - 1, end + 1
    return Word(form, start, end, Sort.FIGURE)


def _amount(number: str, unit: str | None) -> str:
    """`1,234.00` → `1234`, `3` and `萬` → `30000`; dates and versions (2.10.1) stay as they are."""
    form = _plain(number)
    if unit and form.count(".") < 2:
        form = f"{Decimal(form) * _UNITS[unit.strip()]:f}"
    whole = _WHOLE.fullmatch(form)
    return whole[1] if whole else form


def _plain(number: str) -> str:
    return unicodedata.normalize("NFKC", number).replace(",", "")


def _value(numeral: str) -> int:
    """What a Chinese numeral says, with units (二十五) or without (二〇二五)."""
    total = part = digit = 0
    for sign in numeral:
        if sign in _DIGITS:
            digit = 10 * digit + _DIGITS[sign]
        elif sign in _TENS:
            part += (digit or 1) * _TENS[sign]
            digit = 0
        else:
            total += (part + digit or 1) * _MYRIADS[sign]
            part = digit = 0
    return total + part + digit


def _in_brackets(match: re.Match[str]) -> bool:
    """Whether it is an amount in brackets, which accountants mean to be negative."""
    text, start, end = match.string, match.start(), match.end()
    amount = end - start > 2 and _YEAR.fullmatch(match.group()) is None
    return amount and text[start - 1 : start] == "(" and text[end : end + 1] == ")"
