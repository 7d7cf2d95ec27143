"""Questions about accounts, in the words that accounts are printed in.

Who asks for a quick ratio wants a balance sheet, on which those words do not stand. What is here
is what any textbook of accounting says: on which statement a figure is, which lines a ratio is
made of, and what an abbreviation stands for. Nothing is said of any company or question.
"""

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Term:
    asked: "re.Pattern[str]"
    printed: str
    statements: tuple[str, ...] = ()  #: where it is, when the question names no statement


def _term(asked: str, printed: str, *statements: str) -> _Term:
    return _Term(re.compile(asked, re.IGNORECASE), printed, statements)


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
    ),
    _term(
        r"\bworking capital|\bcurrent ratio",
        "total current assets total current liabilities",
        BALANCE,
    ),
    _term(r"\bcash ratio", "cash and cash equivalents total current liabilities", BALANCE),
    _term(
        r"\bdebt[- ](?:to[- ])?equity|\bleverage ratio|\bhow much debt|\btotal debt",
        "short-term borrowings current portion long-term debt total liabilities "
        "shareholders equity",
        BALANCE,
    ),
    _term(r"\bpp ?& ?e\b|\bppn?e\b|\bfixed assets?", "property plant and equipment net", BALANCE),
    # Ratios of two statements
    _term(
        r"\binventory turn|\bdays (?:of )?inventory|\bdio\b|\bsold its inventory",
        "inventories cost of sales goods sold",
        BALANCE,
        INCOME,
    ),
    _term(
        r"\bpayables? turnover|\bdays payable|\bdpo\b",
        "accounts payable cost of sales goods sold",
        BALANCE,
        INCOME,
    ),
    _term(
        r"\breceivables? turnover|\bdays sales|\bdso\b",
        "accounts receivable net sales revenue",
        BALANCE,
        INCOME,
    ),
    _term(
        r"\bcash conversion cycle",
        "inventories accounts receivable accounts payable cost of sales",
        BALANCE,
        INCOME,
    ),
    _term(
        r"\basset turnover|\breturn on (?:total )?assets|\broa\b",
        "total assets net sales revenue net income",
        BALANCE,
        INCOME,
    ),
    _term(
        r"\breturn on (?:shareholders.? )?equity|\broe\b",
        "total shareholders stockholders equity net income",
        BALANCE,
        INCOME,
    ),
    _term(
        r"\bcapital[- ]intensive",
        "property plant and equipment net total assets capital expenditures",
        BALANCE,
        INCOME,
        CASH,
    ),
    # Earnings
    _term(
        r"\b(?:gross|operating|net|profit|net profit) margin",
        "gross profit operating income net income net sales revenues cost of sales",
        INCOME,
    ),
    _term(r"\bebitd?a?\b", "operating income depreciation and amortization", INCOME),
    _term(r"\beps\b|\bearnings per share", "net income per share basic diluted", INCOME),
    _term(r"\bcogs\b|\bcost of goods", "cost of sales cost of goods sold", INCOME),
    _term(r"\bsg ?& ?a\b", "selling general and administrative expenses", INCOME),
    _term(r"\br ?& ?d\b", "research and development expenses", INCOME),
    _term(r"\binterest coverage", "operating income interest expense", INCOME),
    _term(
        r"\beffective tax rate",
        "income before income taxes provision for income taxes effective tax rate",
        INCOME,
    ),
    _term(r"\brevenues?\b|\bnet sales\b|\bturnover of\b", "total net revenues net sales"),
    # Cash
    _term(
        r"\bcap(?:ital )?ex(?:penditures?)?\b",
        "capital expenditures purchases additions of property plant and equipment "
        "investing activities",
        CASH,
    ),
    _term(
        r"\bfree cash ?flow|\bfcf\b",
        "net cash provided by operating activities capital expenditures purchases of property "
        "plant and equipment",
        CASH,
    ),
    _term(
        r"\b(?:operating cash ?flow|cash ?flows? from operat|cash from operat)",
        "net cash provided by operating activities",
        CASH,
    ),
    _term(
        r"\bdepreciation|\bamorti[sz]ation|\bd ?& ?a\b",
        "depreciation and amortization adjustments to reconcile net income",
        CASH,
    ),
    _term(r"\bdividends?\b", "cash dividends paid financing activities", CASH),
    _term(
        r"\brepurchas|\bbuy ?-?backs?\b",
        "repurchases purchases of common treasury stock financing activities",
        CASH,
    ),
)


def without_terms(question: str) -> str:
    """`question` without what it says in an accountant's words, abbreviations above all."""
    for term in (*STATEMENTS, *TERMS):
        question = term.asked.sub(" ", question)
    return question


def printed(question: str) -> str:
    """What stands on the pages that answer a question about accounts; "" for any other."""
    named = [one.printed for one in STATEMENTS if one.asked.search(question)]
    terms = [one for one in TERMS if one.asked.search(question)]
    implied = [statement for term in terms for statement in term.statements]
    return " ".join([*(term.printed for term in terms), *dict.fromkeys(named or implied)])
