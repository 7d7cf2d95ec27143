"""What a summary is worth, measured against a reference and against its document.

rouge1, rouge2, rougeL   overlap with the reference, F1 (Lin, 2004; Google's rouge-score)
similarity               F1 of each sentence's nearest sentence by embedding, as BERTScore does with
                         tokens (Zhang et al., ICLR 2020)
coverage                 share of twenty equal parts of the document that the summary draws on
length_error             |length − wanted| ÷ wanted
unsupported              share of its sentences that nothing in the document carries
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ingest.embed import Embedder
from ingest.words import words
from workers.citations import sentence_spans
from workers.meaning import Meaning
from workers.summaries.lengths import off
from workers.support import Support, supported

PARTS = 20
HIGHER, LOWER = "higher", "lower"
MEASURES: Mapping[str, str] = {
    "rouge1": HIGHER,
    "rouge2": HIGHER,
    "rougeL": HIGHER,
    "similarity": HIGHER,
    "coverage": HIGHER,
    "length_error": LOWER,
    "unsupported": LOWER,
}
Measured = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judge:
    """Measures summaries of about `length` words."""

    embedder: Embedder
    length: int

    def measure(self, summary: str, reference: str, document: str) -> Measured:
        """Every one of MEASURES."""
        carried = list(supported(summary, parts_of(document), Meaning(self.embedder)))
        claims = [one for one in carried if one.support is not Support.NO_CLAIM]
        drawn = {place[0] for one in carried for place in one.places}
        wrong = sum(one.support is Support.UNSUPPORTED for one in claims)
        return {
            **_rouge(summary, reference),
            "similarity": self._similarity(summary, reference),
            "coverage": len(drawn) / PARTS,
            "length_error": abs(off(summary, self.length)),
            "unsupported": wrong / len(claims) if claims else 1.0,
        }

    def _similarity(self, summary: str, reference: str) -> float:
        ours, theirs = _sentences(summary), _sentences(reference)
        if not ours or not theirs:
            return 0.0
        near = self.embedder.embed(ours) @ self.embedder.embed(theirs).T
        precision, recall = float(near.max(axis=1).mean()), float(near.max(axis=0).mean())
        return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def parts_of(document: str) -> Sequence[str]:
    """Twenty parts of about equal length, cut between words."""
    edges = [_word_end(document, len(document) * number // PARTS) for number in range(PARTS + 1)]
    return [document[begin:end] for begin, end in pairwise(edges)]


def _word_end(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found


def _rouge(summary: str, reference: str) -> dict[str, float]:
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415 - of the bench extra

    scorer: Any = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Words())
    return {name: score.fmeasure for name, score in scorer.score(reference, summary).items()}


class _Words:
    """The words of either language, for rouge-score."""

    def tokenize(self, text: str) -> list[str]:
        return list(words(text))


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def means(all_measured: Sequence[Measured]) -> Measured:
    """The mean of each measure."""
    count = len(all_measured) or 1
    return {name: sum(one[name] for one in all_measured) / count for name in MEASURES}


def beaten(ours: Measured, theirs: Measured) -> Iterator[str]:
    """The measures in which ours is better."""
    for name, better in MEASURES.items():
        if (ours[name] > theirs[name]) if better == HIGHER else (ours[name] < theirs[name]):
            yield name
