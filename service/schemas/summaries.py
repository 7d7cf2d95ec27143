"""The shape of a summary: a tree of texts, each sentence with what carries it."""

from typing import Literal

from pydantic import Field

from service.schemas.answers import Citation, Usage
from service.schemas.forms import Answering
from workers.styles import Style, Tongue

Support = Literal["verified", "similar", "unsupported", "no_claim"]


class WantedForm(Answering):
    """The form that the summary has."""

    style: Style
    length: int = Field(description="that was aimed at: words, or characters of Chinese")
    language: Tongue
    instruction: str


class SummarySentence(Answering):
    """A sentence of a summary and what carries it."""

    text: str
    support: Support = Field(
        description="verified: its words stand in the text; similar: most of them, or its meaning; "
        "unsupported: not found in what was read; no_claim: says too little, as a title does"
    )
    citations: list[int] = Field(description="ids of the places in the documents")
    of: list[tuple[str, int]] = Field(
        description="node and number of the sentences of the summaries below that carry it"
    )


class SummaryNode(Answering):
    """What was written about a part of the document."""

    id: str
    kind: Literal["section", "whole", "merge", "final"]
    level: int = Field(description="0: of the text itself; more: of summaries")
    ordinal: int
    documents: list[str]
    title: str
    pages: list[int] = Field(description="first and last")
    text: str
    thought: str = Field(description="what a reasoning model thought before")
    reused: bool = Field(description="known from before, and not paid for again")
    children: list[str] = Field(description="the nodes it is a summary of")
    sentences: list[SummarySentence]


class Coverage(Answering):
    """What of the document was read."""

    pages_total: int
    pages_read: list[list[int]] = Field(description="first and last of runs of pages")
    pages_empty: list[int] = Field(description="pages without text")
    pages_ocr: list[int] = Field([], description="pages that were read by OCR")
    characters_total: int = Field(description="without white space")
    characters_read: int
    characters_running: int = Field(0, description="headers and footers, which are left out")


class Saved(Answering):
    """What did not have to be paid for again."""

    steps: int
    tokens: int
    model_ms: int


class Summary(Answering):
    """The result of a summary job."""

    summary: str
    thought: str
    language: Tongue
    form: WantedForm
    length: int = Field(description="that it has")
    sentences: list[SummarySentence]
    citations: list[Citation]
    sections: list[SummaryNode] = Field(description="by level; the last one is the summary")
    coverage: Coverage
    usage: Usage
    steps_reused: int
    saved: Saved
