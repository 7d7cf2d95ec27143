"""Sentences of a document that give orders to whoever reads it for somebody else.

They are material like any other, may be found and shown, and prove nothing: an answer that does
as it was told would be carried, word for word, by what told it so.
"""

import re

_SOURCES = "instructions?|prompts?|rules?|directions?|documents?|texts?|above|previous|earlier"
ORDERS = re.compile(
    rf"\b(?:ignore|disregard|forget|override)\b[^.!?]{{0,60}}\b(?:{_SOURCES})\b"
    r"|\byou are now\b|\byou must now\b|\bnew instructions?\b"
    r"|(?:^|\n)\W*(?:system|assistant|developer)(?: prompt)?\s*[:,]"
    r"|\b(?:answer|reply|respond)\b[^.!?]{0,40}\b(?:only with|every question)\b"
    r"|(?:忽略|無視|无视|不要理會|忘記|忘记)[^。！？]{0,20}(?:指示|指令|規則|规则|文件|內容|内容|以上|先前)"
    r"|你現在是|你现在是|只(?:能)?回答|(?:^|\n)\W*(?:系統|系统|助理)\s*[:：]",
    re.IGNORECASE,
)


def gives_orders(text: str) -> bool:
    """Whether the text speaks to a model that reads it."""
    return ORDERS.search(text) is not None
