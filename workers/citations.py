"""Which words of which source carry a sentence: string evidence, no model asked.

A sentence is compared with every sentence of the evidence, and with pairs of neighbours, as bags
and as orders of normalised tokens: words folded (NFKC, case), CJK text as single characters, so
that width, case and spacing never matter while every place still maps back to the canonical text.
It is verified when the source covers it, in about its order, and every number in it stands there.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any

from ingest.search import Found

#: Share of a sentence's weight that its source must hold, and of its tokens in the same order.
COVERED, ORDERED = 0.7, 0.55
#: A sentence without this much weight (about two content words) proves nothing by being found.
SUBSTANCE = 1.5
FUNCTION_WEIGHT = 0.15
FUNCTION_WORDS = frozenset(
    "a an and are as at be been by for from had has have in is it its of on or that the their "
    "there these this those to was were which will with would not no 的 了 在 是 和 與 及 或 之 於 "
    "由 其 並 也 為 有 以 等 對".split()
)
WORD = re.compile(
    r"\d+(?:[.,]\d+)*%?|[^\W\d_\u2e80-\u9fff\uf900-\ufaff]+|[\u2e80-\u9fff\uf900-\ufaff]"
)
SENTENCE_END = re.compile(
    r"(?<=[。！？；…])[」』）”’]*|(?<=[.!?])[\"')\]”’]*(?=\s+[^a-z\s])|\n{2,}|\n(?=\s*(?:[-*•|]|\d+[.)]))"
)
MARKER = re.compile(r"\s*[\[【]\s*\d{1,3}(?:\s*[,，]\s*\d{1,3})*\s*[\]】]")


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a document that carries a sentence of the answer."""

    id: int
    document_id: str
    document_name: str
    version_id: str
    page: int
    char_start: int
    char_end: int
    quote: str  #: the page's text at exactly this place
    verified: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer and what carries it."""

    text: str
    verified: bool
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """An answer's sentences with their citations."""

    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]

    @property
    def verified(self) -> bool:
        """Whether anything of the answer is carried by the evidence."""
        return any(sentence.verified for sentence in self.sentences)

    def public(self) -> dict[str, Any]:
        """As the REST interface shows it."""
        return {
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "citations": [asdict(citation) for citation in self.citations],
        }


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence, or two neighbours, of a passage: offsets into the passage's text."""

    passage: Found
    start: int
    end: int
    tokens: tuple[str, ...]


def without_markers(text: str) -> str:
    """The text without the model's own `[1]`: only checked citations count."""
    return MARKER.sub("", text)


def prove(answer: str, evidence: Sequence[Found]) -> Proof:
    """Align every sentence of the answer with the evidence."""
    places = [place for passage in evidence for place in _places(passage)]
    sentences: list[Sentence] = []
    citations: list[Citation] = []
    for start, end in sentence_spans(answer):
        text = answer[start:end]
        place = _best(tokens_of(text), places)
        if place is None:
            sentences.append(Sentence(text, False, ()))
            continue
        citation = _cite(place, citations)
        sentences.append(Sentence(text, True, (citation.id,)))
    return Proof(tuple(sentences), tuple(citations))


def tokens_of(text: str) -> tuple[str, ...]:
    """Normalised words, numbers and CJK characters, in order."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return tuple(match.group().rstrip(".,") for match in WORD.finditer(folded))


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each sentence, without the white space around it."""
    begin = 0
    for match in [*SENTENCE_END.finditer(text), None]:
        end = match.end() if match else len(text)
        piece = text[begin:end]
        if piece.strip():
            yield begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())
        begin = end


def _places(passage: Found) -> Iterator[_Place]:
    spans = list(sentence_spans(passage.text))
    for number, (start, end) in enumerate(spans):
        yield _Place(passage, start, end, tokens_of(passage.text[start:end]))
        if number + 1 < len(spans):
            last = spans[number + 1][1]
            yield _Place(passage, start, last, tokens_of(passage.text[start:last]))


def _best(wanted: tuple[str, ...], places: Sequence[_Place]) -> _Place | None:
    """The place that carries the tokens best; the shorter of equals."""
    if sum(map(_weight, wanted)) < SUBSTANCE:
        return None
    numbers = {token for token in wanted if token[0].isdigit()}
    best, best_score = None, 0.0
    for place in places:
        if not numbers <= set(place.tokens):
            continue
        covered = _coverage(wanted, place.tokens)
        if covered < COVERED:
            continue
        ordered = _in_order(wanted, place.tokens)
        score = covered + ordered - 0.001 * len(place.tokens)
        if ordered >= ORDERED and score > best_score:
            best, best_score = place, score
    return best


def _weight(token: str) -> float:
    if token in FUNCTION_WORDS:
        return FUNCTION_WEIGHT
    return 0.5 if len(token) == 1 and not token.isascii() else 1.0


def _coverage(wanted: tuple[str, ...], held: tuple[str, ...]) -> float:
    """Weight of the wanted tokens that are held, as a share."""
    common = Counter(wanted) & Counter(held)
    total = sum(map(_weight, wanted))
    return sum(_weight(token) * count for token, count in common.items()) / total


def _in_order(wanted: tuple[str, ...], held: tuple[str, ...]) -> float:
    """Share of the wanted tokens that stand in the same order, by matching blocks."""
    blocks = SequenceMatcher(None, wanted, held, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(wanted)


def _cite(place: _Place, citations: list[Citation]) -> Citation:
    """The citation of a place, the one already there if it is."""
    passage = place.passage
    start, end = passage.char_start + place.start, passage.char_start + place.end
    for known in citations:
        if (known.version_id, known.page, known.char_start, known.char_end) == (
            passage.version_id,
            passage.page,
            start,
            end,
        ):
            return known
    made = Citation(
        id=len(citations) + 1,
        document_id=passage.document_id,
        document_name=passage.document_name,
        version_id=passage.version_id,
        page=passage.page,
        char_start=start,
        char_end=end,
        quote=passage.text[place.start : place.end],
        verified=True,
    )
    citations.append(made)
    return made
