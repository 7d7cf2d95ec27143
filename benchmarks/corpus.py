"""Documents to measure with: made text, every one distinct, the same in every run.

The words and sentence lengths are those of the sample documents in English, shuffled by a seed.
To a language model it is nonsense, and costs exactly what sense costs.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "sources"
ENGLISH = "northbank-water-annual-report.md"
WORD = re.compile(r"[\w’'-]+")
SENTENCE_WORDS = (7, 24)
PARAGRAPH_SENTENCES = (3, 7)
#: Of made text with the default model's tokenizer; what a prompt really had is in the details.
TOKENS_PER_WORD = 1.37
QUESTIONS = (
    "Which figures are given, and for which year?",
    "Who is named, and in which office?",
    "What was decided, and what follows from it?",
    "Which places are mentioned first and last?",
    "What is said about costs?",
    "What remains open at the end?",
)


class Corpus:
    """A stream of distinct texts. The same seed gives the same texts in the same order."""

    def __init__(self, seed: str, data: Path | None = None) -> None:
        """`data` is a text file or a folder of such, read in place of the samples' words."""
        self._random = random.Random(seed)
        self._real = _read(data).split() if data else []
        self._words = WORD.findall((SAMPLES / ENGLISH).read_text())

    def text(self, tokens: int) -> str:
        """A text of about so many tokens."""
        wanted = max(1, round(tokens / TOKENS_PER_WORD))
        if self._real:
            begin = self._random.randrange(max(1, len(self._real) - wanted))
            return " ".join(self._real[begin : begin + wanted])
        paragraphs: list[str] = []
        while wanted > 0:
            sentences = list(self._sentences(wanted))
            wanted -= sum(len(sentence.split()) for sentence in sentences)
            paragraphs.append(" ".join(sentences))
        return "\n\n".join(paragraphs)

    def document(self, sections: int, tokens: int) -> list[str]:
        """Sections of about `tokens` tokens each."""
        return [self.text(tokens) for _ in range(sections)]

    def question(self, number: int) -> str:
        """One of a few questions, in turn."""
        return QUESTIONS[number % len(QUESTIONS)]

    def pick(self, count: int, out_of: int) -> list[int]:
        """Distinct numbers below `out_of`, small ones oftener, as some passages are asked for
        oftener than others (Zipf's law), in ascending order.
        """
        weights = [1.0 / (number + 1) for number in range(out_of)]
        chosen: set[int] = set()
        while len(chosen) < min(count, out_of):
            chosen.update(self._random.choices(range(out_of), weights))
        return sorted(chosen)

    def _sentences(self, most: int) -> Iterator[str]:
        for _ in range(self._random.randint(*PARAGRAPH_SENTENCES)):
            if most <= 0:
                return
            length = min(most, self._random.randint(*SENTENCE_WORDS))
            words = self._random.choices(self._words, k=length)
            most -= length
            yield " ".join(words).capitalize() + "."


def _read(place: Path) -> str:
    files = (
        [place] if place.is_file() else sorted(place.rglob("*.txt")) + sorted(place.rglob("*.md"))
    )
    text = "\n\n".join(file.read_text(errors="replace") for file in files)
    if not text.strip():
        raise SystemExit(f"error: there is no text in {place}")
    return text
