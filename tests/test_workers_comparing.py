"""What texts say alike and what otherwise, told from their own words."""

import re
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workers.comparing.alignment import align
from workers.comparing.changes import changes
from workers.comparing.groups import Group, merged
from workers.comparing.report import Lists, subject_of, weight
from workers.comparing.statements import Statement, statements
from workers.comparing.words import Sort, words_of

SAMPLES = Path(__file__).parent.parent / "samples" / "sources"
CONTRACT = """第一條　契約期間
本契約自民國一百十四年一月一日起至一百十四年十二月三十一日止，為期一年。

第二條　價金
甲方應於每月五日前給付乙方新臺幣三十萬元整。遲延給付者，每日按千分之一計算違約金。

第三條　保密
乙方不得將業務機密揭露予第三人。本條於契約終止後二年內仍有效力。

第四條　終止
任一方得於三十日前以書面通知他方終止本契約。
"""
POLICY = """# Remote work

Employees may work from home for up to two days a week. Requests shall be made in writing.

# Equipment

The company pays 300 dollars for a desk. The desk remains the property of the company.

| Item | Limit | Term |
| --- | --- | --- |
| Desk | 300 | 3 years |
| Chair | 150 | 3 years |
"""


def told(text: str | dict[int, str], *, printed: bool = False) -> list[Statement]:
    pages = {1: text} if isinstance(text, str) else text
    return statements(pages, lambda _page, _place: (0, ""), printed=printed)


def compared(*texts: str | dict[int, str], printed: bool = False) -> Lists:
    sides = [told(text, printed=printed) for text in texts]
    pairs = combinations(range(len(sides)), 2)
    alignments = {(a, b): align(sides[a], sides[b]) for a, b in pairs}
    return Lists.of(merged(sides, alignments), len(sides))


def changed(group: Group) -> list[list[str]]:
    return [change.public() for side in group.sides for change in side.changes]


def sorts(group: Group) -> set[Sort]:
    return {sort for side in group.sides for one in side.changes for sort in one.sorts}


def texts(groups: tuple[Group, ...]) -> list[str]:
    return [" ".join(group.sides[0].statement.text.split()) for group in groups]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The fee is 1,234.00 dollars.", "the  fee is 1234 dollars"),
        ("１２％ of it", "12 percent of it"),
        ("為期三十日。", "為期30日"),
        ("為期二十五個月", "為期 25 個月"),
        ("民國一百十四年", "民國114年"),
        ("新臺幣3萬元", "新台幣三萬元"),
        ("新臺幣貳拾萬元整", "新臺幣 200,000 元整"),
        ("百分之十二點", "12%點"),
        ("a long-term com-\npany plan", "longterm company plan"),
        ("(1,234) net", "-1,234 net"),
        ("甲方之義務", "甲方的義務"),
    ],
)
def test_ways_of_writing_are_no_differences(one: str, other: str) -> None:
    def forms(text: str) -> list[str]:
        return [word.form for word in words_of(text) if word.sort is not Sort.LIGHT]

    assert forms(one) == forms(other)


def test_words_stand_where_they_say() -> None:
    text = "In 2015 we didn’t pay (1,234) or $5.50 to 甲方，應於 三十日 內。"
    words = {text[word.start : word.end]: word for word in words_of(text)}
    assert words["(1,234)"].form == "-1234"
    assert words["didn’t"].sort is Sort.NEGATION
    assert words["應"].sort is Sort.DUTY
    assert (words["三十"].form, words["三十"].sort) == ("30", Sort.FIGURE)
    assert words["5.50"].form == "5.50"


@pytest.mark.parametrize("text", [CONTRACT, POLICY])
def test_a_text_agrees_with_itself(text: str) -> None:
    found = compared(text, text)
    assert len(found.agrees) == len(told(text)) > 5
    assert not found.differs
    assert not any(found.only.values())


@pytest.mark.parametrize(
    ("before", "after", "change", "sort"),
    [
        ("三十萬元", "三十五萬元", ["三十萬", "三十五萬"], Sort.FIGURE),
        ("三十日前", "六十日前", ["三十", "六十"], Sort.FIGURE),
        ("十二月三十一日", "六月三十日", ["十二月三十一", "六月三十"], Sort.FIGURE),
        ("甲方應於", "甲方得於", ["應", "得"], Sort.DUTY),
        ("乙方不得將", "乙方得將", ["不", ""], Sort.NEGATION),
        ("予第三人", "予任何人", ["第三", "任何"], Sort.FIGURE),
    ],
)
def test_a_changed_clause_is_found(before: str, after: str, change: list[str], sort: Sort) -> None:
    assert before in CONTRACT
    found = compared(CONTRACT, CONTRACT.replace(before, after))
    (group,) = found.differs
    assert changed(group) == [change]
    assert sort in sorts(group)
    assert not any(found.only.values())
    assert len(found.agrees) == len(told(CONTRACT)) - 1


@pytest.mark.parametrize(
    ("before", "after", "change", "sort"),
    [
        ("300 dollars", "350 dollars", ["300", "350"], Sort.FIGURE),
        ("may work", "may not work", ["", "not"], Sort.NEGATION),
        ("shall be made", "may be made", ["shall", "may"], Sort.DUTY),
        ("of the company.", "of the Acme Group.", ["company", "Acme Group"], Sort.NAME),
        ("| Chair | 150 |", "| Chair | 175 |", ["150", "175"], Sort.FIGURE),
    ],
)
def test_a_changed_sentence_or_row_is_found(
    before: str, after: str, change: list[str], sort: Sort
) -> None:
    found = compared(POLICY, POLICY.replace(before, after))
    (group,) = found.differs
    assert changed(group) == [change]
    assert sort in sorts(group)
    assert not any(found.only.values())


def test_moved_and_renumbered_clauses_are_no_difference() -> None:
    first, second, third, fourth = CONTRACT.strip().split("\n\n")
    moved = [
        first,
        third.replace("第三條", "第二條"),
        fourth.replace("第四條", "第三條"),
        second.replace("第二條", "第四條"),
    ]
    found = compared(CONTRACT, "\n\n".join(moved))
    assert not found.differs
    assert not any(found.only.values())


def test_what_is_added_or_left_out_stands_alone() -> None:
    added = "乙方應投保新臺幣五百萬元之責任保險，並交付保險單影本。"
    found = compared(
        CONTRACT, f"{CONTRACT}\n{added}\n".replace("遲延給付者，每日按千分之一計算違約金。", "")
    )
    assert texts(found.only[0]) == ["遲延給付者，每日按千分之一計算違約金。"]
    assert texts(found.only[1]) == [added]
    assert not found.differs


def test_a_row_that_changed_is_found_beside_one_that_now_looks_as_it_did() -> None:
    years = "Assets in 2023\n\nTotal | 5\n\nAssets in 2024 as audited\n\nTotal | 6\n"
    found = compared(years, years.replace("| 6", "| 7").replace("| 5", "| 6"))
    assert [changed(group) for group in found.differs] == [[["5", "6"]], [["6", "7"]]]


def test_sentences_cut_in_other_places_are_no_difference() -> None:
    whole = "The harbour was widened in 1931 to let larger ships pass.\n\nIt has 12 berths today."
    cut = whole.replace("1931 to", "1931\nTo").replace("berths", "\nBerths")
    found = compared(whole, cut)
    assert not found.differs
    assert not any(found.only.values())


def test_what_runs_along_the_pages_is_left_out() -> None:
    def printed(year: int) -> dict[int, str]:
        return {
            number: f"Northbank Water | Report {year}\nBerth {number} took {number}00 ships in all "
            f"and was\ndredged twice that year.\nPage {number} of 9"
            for number in range(1, 9)
        }

    found = compared(printed(2023), printed(2024), printed=True)
    assert len(found.agrees) == 8
    assert not found.differs


def test_a_sentence_over_two_pages_is_one_statement() -> None:
    pages = {1: "The board of the company met and\ndecided that the", 2: "fee shall be 5 dollars."}
    (statement,) = told(pages)
    assert [part.page for part in statement.parts] == [1, 2]
    quotes = [pages[part.page][part.start : part.end] for part in statement.parts]
    assert list(statement.quotes) == quotes
    found = compared(pages, " ".join(pages.values()))
    assert len(found.agrees) == 1


def test_figures_on_a_line_of_their_own_go_with_their_label() -> None:
    (statement,) = told("Net income of the group\n1,234 5,678\n")
    assert statement.figures == 2
    assert told("Contents\n\nRisk factors and more ......... 17") == []


def test_two_different_texts_are_compared_by_subject() -> None:
    one = "Acme employs 1,200 people in Taipei.\n\nThe plant in Hsinchu makes valves."
    other = "The museum opens at nine.\n\nAcme employs 1,500 people in Taipei today."
    found = compared(one, other)
    (group,) = found.differs
    assert ["1,200", "1,500"] in changed(group)
    assert texts(found.only[0]) == ["The plant in Hsinchu makes valves."]
    assert texts(found.only[1]) == ["The museum opens at nine."]


def test_three_texts_are_one_group_for_each_subject() -> None:
    lines = ["The term is 12 months.", "Payment is due within 30 days of the invoice."]
    found = compared(
        "\n\n".join(lines),
        "\n\n".join([lines[0], lines[1].replace("30", "45")]),
        "\n\n".join([lines[1], "Goods are shipped from the port of Kaohsiung."]),
    )
    assert [[side.text for side in group.sides] for group in found.agrees] == [[0, 1]]
    (differs,) = found.differs
    assert [side.text for side in differs.sides] == [0, 1, 2]
    assert changed(differs) == [["30", "45"]]
    assert texts(found.only[2]) == ["Goods are shipped from the port of Kaohsiung."]


def test_figures_and_negations_weigh_more_than_words() -> None:
    before = POLICY
    after = POLICY.replace("300 dollars", "350 dollars").replace("Requests", "Applications")
    weights = {frozenset(sorts(group)): weight(group) for group in compared(before, after).differs}
    assert weights[frozenset({Sort.FIGURE})] > weights[frozenset({Sort.WORD})]


def test_a_subject_without_a_title_is_how_it_begins() -> None:
    (group,) = compared("The fee is 5 dollars.", "The fee is 6 dollars.").differs
    assert subject_of(group) == "The fee is 5 dollars."


def test_the_same_words_in_another_order_are_a_change() -> None:
    (one,), (other,) = told("Acme pays Borealis on Monday."), told("Borealis pays Acme on Monday.")
    assert changes(one, other)


EDITS = [
    (r"\b(\d[\d,]*)\b", "{}"),
    (" is ", " is not "),
    (" will ", " may "),
    ("應", "得"),
    ("不得", "得"),
]


@pytest.mark.parametrize("name", ["northbank-water-annual-report", "harbour-chronicle.zh-TW"])
def test_every_edit_of_a_long_text_is_found_and_nothing_else(name: str) -> None:
    text = (SAMPLES / f"{name}.md").read_text()
    random = Random(name)
    paragraphs = [part for part in text.split("\n\n") if len(part) > 40]
    edited = list(paragraphs)
    places = random.sample(range(len(edited)), 40)
    for number, place in enumerate(places, start=70_001):
        for pattern, put in random.sample(EDITS, len(EDITS)):
            if re.search(pattern, edited[place]):
                edited[place] = re.sub(pattern, put.format(number), edited[place], count=1)
                break
    really = [place for place in places if edited[place] != paragraphs[place]]
    moved = edited[20:] + edited[:20]
    found = compared("\n\n".join(paragraphs), "\n\n".join(moved))
    assert len(really) >= 10
    assert len(found.differs) == len(really)
    assert not any(found.only.values())
    for group in found.differs:
        before, after = (side.statement.text for side in group.sides)
        place = next(place for place in really if after in edited[place])
        assert before in paragraphs[place]


WORDS = st.sampled_from(
    "harbour berth vessel council invoice tariff cargo 港口 船舶 契約 費用 委員會 應 得".split()
)
SENTENCES = st.tuples(st.lists(WORDS, min_size=3, max_size=8), st.integers(1, 9_999))


def sentence(words: list[str], figure: int) -> str:
    return f"{' '.join(words)} costs {figure} dollars."


@settings(deadline=None, max_examples=150)
@given(st.lists(SENTENCES, min_size=1, max_size=12))
def test_anything_agrees_with_itself(made: list[tuple[list[str], int]]) -> None:
    text = "\n\n".join(sentence(*each) for each in made)
    found = compared(text, text)
    assert not found.differs
    assert not any(found.only.values())
    assert len(found.agrees) == len(made)


@settings(deadline=None, max_examples=150)
@given(st.lists(SENTENCES, min_size=1, max_size=12), st.data())
def test_a_changed_figure_is_always_found(
    made: list[tuple[list[str], int]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(made) - 1))
    words, figure = made[place]
    new = data.draw(st.integers(1, 9_999))
    assume(new != figure)
    after = [*made[:place], (words, new), *made[place + 1 :]]
    before_text = "\n\n".join(sentence(*each) for each in made)
    found = compared(before_text, "\n\n".join(sentence(*each) for each in after))
    told_changes = [change for group in found.differs for change in changed(group)]
    assert [str(figure), str(new)] in told_changes
    assert not any(found.only.values())


@settings(deadline=None, max_examples=100)
@given(st.lists(SENTENCES, min_size=2, max_size=10, unique_by=str), st.randoms())
def test_any_order_says_the_same(made: list[tuple[list[str], int]], random: object) -> None:
    shuffled = list(made)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = ("\n\n".join(sentence(*each) for each in order) for order in (made, shuffled))
    found = compared(one, other)
    assert not found.differs
    assert not any(found.only.values())
