"""Questions about accounts, in the words that accounts are printed in.

Who asks for a quick ratio wants a balance sheet, on which those words do not stand. What is here
is what any textbook of accounting says: on which statement a figure is, which lines a ratio is
made of and under which names they are printed, and what an abbreviation stands for. Nothing is
said of any company or question.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest import lines
from ingest.lines import Line

BALANCE = (
    "consolidated balance sheets current assets total assets current liabilities "
    "total liabilities equity"
)
INCOME = (
    "consolidated statements of income operations earnings revenues cost of sales "
    "operating income before income taxes net income per share diluted"
)
CASH = (
    "consolidated statements of cash flows operating activities investing activities "
    "financing activities"
)
SHEET_ZH = "資產負債表 流動資產合計 流動負債合計"
INCOME_ZH = "綜合損益表 營業收入 營業毛利 營業利益 本期淨利"
MARGIN = "gross profit operating income net income net sales revenues cost of sales"


@dataclass(frozen=True, slots=True)
class _Term:
    asked: "re.Pattern[str]"
    printed: str
    statements: tuple[str, ...]  #: where it is, when the question names no statement
    lines: tuple[Line, ...]  #: what it is, or is computed from


def _term(asked: str, printed: str, *statements: str, lines: Sequence[Line] = ()) -> _Term:
    return _Term(re.compile(asked, re.IGNORECASE), printed, statements, tuple(lines))


STATEMENTS = (
    _term(r"\bbalance sheets?|financial position", BALANCE),
    _term(
        r"\bp ?& ?l\b|\bincome statement|profit and loss|"
        r"statements? of (?:consolidated )?(?:income|operations|earnings)",
        INCOME,
    ),
    _term(r"\bcash ?flows? statement|statements? of (?:consolidated )?cash ?flows?", CASH),
)

TERMS = (
    # Ratios of what is owned and owed
    _term(
        r"\b(?:quick|acid[- ]test) ratio|\bliquidity\b",
        "cash and cash equivalents marketable securities accounts receivable "
        "total current liabilities",
        BALANCE,
        lines=[lines.CASH_HELD, lines.SECURITIES, lines.RECEIVABLE, lines.CURRENT_DEBTS],
    ),
    _term(
        r"\bworking capital|\bcurrent ratio",
        "total current assets total current liabilities",
        BALANCE,
        lines=[lines.CURRENT_ASSETS, lines.CURRENT_DEBTS],
    ),
    _term(
        r"\bcash ratio",
        "cash and cash equivalents total current liabilities",
        BALANCE,
        lines=[lines.CASH_HELD, lines.CURRENT_DEBTS],
    ),
    _term(
        r"\bdebt[- ](?:to[- ])?equity|\bleverage ratio|\bhow much debt|\btotal debt",
        "short-term borrowings current portion long-term debt total liabilities "
        "shareholders equity",
        BALANCE,
        lines=[lines.BORROWED, lines.DEBTS, lines.EQUITY],
    ),
    _term(
        r"\bpp ?& ?e\b|\bppn?e\b|\bfixed assets?",
        "property plant and equipment net",
        BALANCE,
        lines=[lines.PLANT],
    ),
    # Ratios of two statements
    _term(
        r"\binventory turn|\bdays (?:of )?inventory|\bdio\b|\bsold its inventory",
        "inventories cost of sales goods sold",
        BALANCE,
        INCOME,
        lines=[lines.STOCK, lines.COST],
    ),
    _term(
        r"\bpayables? turnover|\bdays payable|\bdpo\b",
        "accounts payable cost of sales goods sold",
        BALANCE,
        INCOME,
        lines=[lines.PAYABLE, lines.COST],
    ),
    _term(
        r"\breceivables? turnover|\bdays sales|\bdso\b",
        "accounts receivable net sales revenue",
        BALANCE,
        INCOME,
        lines=[lines.RECEIVABLE, lines.REVENUE],
    ),
    _term(
        r"\bcash conversion cycle",
        "inventories accounts receivable accounts payable cost of sales",
        BALANCE,
        INCOME,
        lines=[lines.STOCK, lines.RECEIVABLE, lines.PAYABLE, lines.COST, lines.REVENUE],
    ),
    _term(
        r"\basset turnover|\breturn on (?:total )?assets|\broa\b",
        "total assets net sales revenue net income",
        BALANCE,
        INCOME,
        lines=[lines.ASSETS, lines.REVENUE, lines.NET],
    ),
    _term(
        r"\breturn on (?:shareholders.? )?equity|\broe\b",
        "total shareholders stockholders equity net income",
        BALANCE,
        INCOME,
        lines=[lines.EQUITY, lines.NET],
    ),
    _term(
        r"\bcapital[- ]intensive",
        "property plant and equipment net total assets capital expenditures",
        BALANCE,
        INCOME,
        CASH,
        lines=[lines.PLANT, lines.ASSETS, lines.SPENT],
    ),
    # Earnings
    _term(r"\bgross margin", MARGIN, INCOME, lines=[lines.GROSS, lines.REVENUE]),
    _term(r"\boperating margin", MARGIN, INCOME, lines=[lines.OPERATING, lines.REVENUE]),
    _term(r"\b(?:net|profit|net profit) margin", MARGIN, INCOME, lines=[lines.NET, lines.REVENUE]),
    _term(r"% margin", "", lines=[lines.REVENUE]),
    _term(
        r"\bebitd?a?\b",
        "operating income depreciation and amortization",
        INCOME,
        lines=[lines.OPERATING, lines.DEPRECIATION],
    ),
    _term(
        r"\beps\b|\bearnings per share",
        "net income per share basic diluted",
        INCOME,
        lines=[lines.PER_SHARE],
    ),
    _term(
        r"\bcogs\b|\bcost of goods", "cost of sales cost of goods sold", INCOME, lines=[lines.COST]
    ),
    _term(
        r"\bsg ?& ?a\b",
        "selling general and administrative expenses",
        INCOME,
        lines=[lines.SELLING],
    ),
    _term(r"\br ?& ?d\b", "research and development expenses", INCOME, lines=[lines.RESEARCH]),
    _term(
        r"\binterest coverage",
        "operating income interest expense",
        INCOME,
        lines=[lines.OPERATING, lines.INTEREST],
    ),
    _term(
        r"\beffective tax rate",
        "income before income taxes provision for income taxes effective tax rate",
        INCOME,
        lines=[lines.BEFORE_TAX, lines.TAX],
    ),
    _term(
        r"\brevenues?\b|\bnet sales\b|\bturnover of\b",
        "total net revenues net sales",
        lines=[lines.REVENUE],
    ),
    # Cash
    _term(
        r"\bcap(?:ital )?ex(?:penditures?)?\b",
        "capital expenditures purchases additions of property plant and equipment "
        "investing activities",
        CASH,
        lines=[lines.SPENT],
    ),
    _term(
        r"\bfree cash ?flow|\bfcf\b",
        "net cash provided by operating activities capital expenditures purchases of property "
        "plant and equipment",
        CASH,
        lines=[lines.OPERATING_CASH, lines.SPENT],
    ),
    _term(
        r"\b(?:operating cash ?flow|cash ?flows? from operat|cash from operat)",
        "net cash provided by operating activities",
        CASH,
        lines=[lines.OPERATING_CASH],
    ),
    _term(
        r"\bdepreciation|\bamorti[sz]ation|\bd ?& ?a\b",
        "depreciation and amortization adjustments to reconcile net income",
        CASH,
        lines=[lines.DEPRECIATION],
    ),
    _term(
        r"\bdividends?\b", "cash dividends paid financing activities", CASH, lines=[lines.DIVIDENDS]
    ),
    _term(
        r"\brepurchas|\bbuy ?-?backs?\b",
        "repurchases purchases of common treasury stock financing activities",
        CASH,
        lines=[lines.BOUGHT_BACK],
    ),
    # As they are asked in Taiwan
    _term(r"流動比率|營運資金", SHEET_ZH, lines=[lines.CURRENT_ASSETS, lines.CURRENT_DEBTS]),
    _term(
        r"速動比率",
        "現金及約當現金 應收帳款 流動負債合計",
        lines=[lines.CASH_HELD, lines.RECEIVABLE, lines.CURRENT_DEBTS],
    ),
    _term(r"負債比率?|負債占", "負債總計 資產總計", lines=[lines.DEBTS, lines.ASSETS]),
    _term(r"毛利率", INCOME_ZH, lines=[lines.GROSS, lines.REVENUE]),
    _term(r"營業利益率|營益率", INCOME_ZH, lines=[lines.OPERATING, lines.REVENUE]),
    _term(r"淨利率|純益率", INCOME_ZH, lines=[lines.NET, lines.REVENUE]),
    _term(r"每股盈餘", "基本每股盈餘 稀釋每股盈餘", lines=[lines.PER_SHARE]),
    _term(r"存貨週轉", "存貨 營業成本", lines=[lines.STOCK, lines.COST]),
    _term(r"應收帳款週轉", "應收帳款 營業收入", lines=[lines.RECEIVABLE, lines.REVENUE]),
    _term(r"資產報酬率", "資產總計 本期淨利", lines=[lines.ASSETS, lines.NET]),
    _term(r"權益報酬率", "權益總計 本期淨利", lines=[lines.EQUITY, lines.NET]),
    _term(r"營收|營業收入", "營業收入合計", lines=[lines.REVENUE]),
    _term(r"研發費用", "研究發展費用", lines=[lines.RESEARCH]),
    _term(r"資本支出", "取得不動產、廠房及設備 投資活動", lines=[lines.SPENT]),
    _term(
        r"自由現金流",
        "營業活動之淨現金流入 取得不動產、廠房及設備",
        lines=[lines.OPERATING_CASH, lines.SPENT],
    ),
)


def without_terms(question: str) -> str:
    """`question` without what it says in an accountant's words, abbreviations above all."""
    return _without(question, (*STATEMENTS, *TERMS))


def lines_of(question: str) -> tuple[Line, ...]:
    """The lines of statements that a question about accounts is answered or computed from."""
    rest = _without(question, STATEMENTS)  # “the cash flow statement” asks for no cash flow
    asked = [one for one in TERMS if one.asked.search(rest)]
    return tuple(dict.fromkeys(line for term in asked for line in term.lines))


def _without(question: str, terms: Sequence[_Term]) -> str:
    for term in terms:
        question = term.asked.sub(" ", question)
    return question


def printed(question: str) -> str:
    """What stands on the pages that answer a question about accounts; "" for any other."""
    named = [one.printed for one in STATEMENTS if one.asked.search(question)]
    terms = [one for one in TERMS if one.asked.search(question)]
    implied = [statement for term in terms for statement in term.statements]
    own = dict.fromkeys(term.printed for term in terms if term.printed)
    return " ".join([*own, *dict.fromkeys(named or implied)])
