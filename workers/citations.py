"""Which words of which source carry a sentence: string evidence, no model asked.

A sentence is compared with every sentence of the evidence, and with up to three neighbours, as bags
and as orders of normalised tokens: words folded (NFKC, case), CJK text as pairs of characters, so
that width, case and spacing never matter while every place still maps back to the canonical text.
It is verified when the source covers it, in about its order, and every number in it stands there.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, TypeVar

from ingest.passages import Found
from ingest.split import SEPARATOR
from workers.disputes import dispute
from workers.orders import gives_orders
from workers.sentences import sentence_spans
from workers.tokens import Tokens, is_figure, tokens_of, weight_of

#: Share of a sentence's weight that its source must hold, and of its tokens in the same order.
COVERED, ORDERED = 0.7, 0.5
#: A sentence without this much weight (about two content words) proves nothing by being found.
SUBSTANCE = 1.5
LENGTH_LOSS = 0.01  #: for each token of the source: of two that carry it, the shorter
EXCERPT = 240  #: characters of a passage that is only near
NEIGHBOURS = 3  #: sentences that may carry one sentence together
T = TypeVar("T")
BEFORE_TITLE = "# \n"  #: of Markdown, and between a title and the next
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
    disputed: tuple[int, ...] = ()  #: citations of other documents that have other figures


@dataclass(frozen=True, slots=True)
class Proof:
    """An answer's sentences with their citations."""

    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]

    @property
    def carried(self) -> float:
        """Share of the answer's sentences that the evidence carries."""
        verified = sum(sentence.verified for sentence in self.sentences)
        return verified / len(self.sentences) if self.sentences else 0.0

    def cites(self, place: "Place") -> bool:
        """Whether one of the citations touches the place."""
        start = place.passage.char_start + place.start
        end = place.passage.char_start + place.end
        return any(
            (cited.version_id, cited.page) == (place.passage.version_id, place.passage.page)
            and cited.char_start < end
            and start < cited.char_end
            for cited in self.citations
        )

    def only_carried(self) -> "Proof":
        """The same without the sentences that nothing carries."""
        carried = tuple(sentence for sentence in self.sentences if sentence.verified)
        text = " ".join(sentence.text for sentence in carried)
        return Proof(text, carried, self.citations)

    def public(self) -> dict[str, Any]:
        """As the REST interface shows it."""
        return {
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "citations": [asdict(citation) for citation in self.citations],
        }


@dataclass(frozen=True, slots=True)
class Place:
    """One to three neighbouring sentences of a passage: offsets into the passage's text."""

    passage: Found
    start: int
    end: int

    @property
    def text(self) -> str:
        """The words at the place."""
        return self.passage.text[self.start : self.end]


def without_markers(text: str) -> str:
    """The text without the model's own `[1]`: only checked citations count."""
    return MARKER.sub("", text)


def prove(answer: str, evidence: Sequence[Found]) -> Proof:
    """Align every sentence of the answer with the evidence."""
    wanted = [tokens_of(answer[start:end]) for start, end in sentence_spans(answer)]
    places = [
        (place, tokens_of(place.text))
        for passage in evidence
        if _may_carry(tokens_of(passage.text), wanted)
        for place in places_of(passage)
    ]
    sentences: list[Sentence] = []
    citations: list[Citation] = []
    for start, end in sentence_spans(answer):
        text = answer[start:end]
        place = carrier(text, places)
        if place is None:
            sentences.append(Sentence(text, False, ()))
            continue
        citation = _cite(place, citations)
        others = [_cite(other, citations).id for other in _otherwise(place, places)]
        sentences.append(Sentence(text, True, (citation.id,), tuple(others)))
    return Proof(answer, tuple(sentences), tuple(citations))


def _otherwise(said: Place, places: Sequence[tuple[Place, Tokens]]) -> Iterator[Place]:
    """One place of each other document that says it with other figures."""
    own, told = tokens_of(said.text), {said.passage.document_id}
    for place, held in places:
        if place.passage.document_id not in told and dispute(own, held):
            told.add(place.passage.document_id)
            yield place


def places_of(passage: Found) -> Iterator[Place]:
    """Every sentence of a passage, and every two and three neighbours, without its title.

    None of them gives orders to who reads it.
    """
    ordering = gives_orders(passage.text)
    for start, end in neighbours(passage.text, _title_length(passage)):
        if not (ordering and gives_orders(passage.text[start:end])):
            yield Place(passage, start, end)


def neighbours(text: str, begin: int = 0) -> Iterator[tuple[int, int]]:
    """(start, end) of every sentence from `begin` on, and of every two and three in a row."""
    spans = list(sentence_spans(text[begin:]))
    for number, (start, _) in enumerate(spans):
        for _, end in spans[number : number + NEIGHBOURS]:
            yield begin + start, begin + end


def runs(text: str) -> Iterator[tuple[tuple[int, int], Tokens]]:
    """The same with their tokens."""
    spans = list(sentence_spans(text))
    tokens = [tokens_of(text[start:end]) for start, end in spans]
    for number, (start, _) in enumerate(spans):
        held: Tokens = ()
        for place in range(number, min(number + NEIGHBOURS, len(spans))):
            held += tokens[place]
            yield (start, spans[place][1]), held


def carrier(sentence: str, places: Sequence[tuple[T, Tokens]]) -> T | None:
    """The place whose tokens carry the sentence best, the shorter of equals; None if none does."""
    wanted = tokens_of(sentence)
    total = weight_of(wanted)
    if total < SUBSTANCE:
        return None
    numbers = set(filter(is_figure, wanted))
    weighed = [(token, count, weight_of([token])) for token, count in Counter(wanted).items()]
    best, best_score = None, -math.inf
    for place, held in places:
        if numbers and not numbers <= set(held):
            continue
        # Not by counters: nearly all places fail here, and this is what they cost.
        common = sum(weight * min(count, held.count(token)) for token, count, weight in weighed)
        if (covered := common / total) < COVERED:
            continue
        ordered = _in_order(wanted, held)
        score = covered + ordered - LENGTH_LOSS * len(held)
        if ordered >= ORDERED and score > best_score:
            best, best_score = place, score
    return best


def _may_carry(held: Tokens, sentences: Sequence[Tokens]) -> bool:
    """Whether one of the sentences is covered by a whole passage: no place in it covers more."""
    return any(
        _coverage(wanted, held) >= COVERED for wanted in sentences if weight_of(wanted) >= SUBSTANCE
    )


def _title_length(passage: Found) -> int:
    """Length of the headings that the passage's text begins with: a title is no sentence."""
    text, end = passage.text, 0
    for title in passage.heading.split(SEPARATOR):
        begin = end + len(text[end:]) - len(text[end:].lstrip(BEFORE_TITLE))
        if title and text.startswith(title, begin):
            end = begin + len(title)
    rest = text[end:]
    return end + len(rest) - len(rest.lstrip()) if rest.strip() else 0


def _coverage(wanted: tuple[str, ...], held: tuple[str, ...]) -> float:
    """Weight of the wanted tokens that are held, as a share."""
    common = Counter(wanted) & Counter(held)
    return weight_of(common.elements()) / weight_of(wanted)


def _in_order(wanted: tuple[str, ...], held: tuple[str, ...]) -> float:
    """Share of the wanted tokens that stand in the same order, by matching blocks."""
    blocks = SequenceMatcher(None, wanted, held, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(wanted)


def quoted(places: Sequence[Place], evidence: Sequence[Found] = ()) -> Proof:
    """An answer that is nothing but the words at `places`; `evidence` may say otherwise."""
    made: list[Citation] = []
    own = [_cite(place, made).id for place in places]
    held = [(each, tokens_of(each.text)) for passage in evidence for each in places_of(passage)]
    sentences = tuple(
        Sentence(
            place.text, True, (number,), tuple(_cite(it, made).id for it in _otherwise(place, held))
        )
        for number, place in zip(own, places, strict=True)
    )
    return Proof("\n".join(place.text for place in places), sentences, tuple(made))


def excerpt(passage: Found) -> dict[str, Any]:
    """The beginning of a passage as a citation that carries nothing."""
    start, end = passage.char_start, passage.char_start + min(len(passage.text), EXCERPT)
    return asdict(
        Citation(
            0,
            passage.document_id,
            passage.document_name,
            passage.version_id,
            passage.page,
            start,
            end,
            passage.text[:EXCERPT],
            verified=False,
        )
    )


def _cite(place: Place, citations: list[Citation]) -> Citation:
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
        quote=place.text,
        verified=True,
    )
    citations.append(made)
    return made
