"""What carries each sentence of a summary: words of its sources, or their meaning.

verified     one place of a source holds its words in about their order, and all its numbers
similar      up to three sentences of the sources hold most of its words between them, or one is
             near in meaning; all its numbers stand there, beside a word that they stand beside here
unsupported  neither: nothing that was read says it
no_claim     says too little to be true or false, as a title does

No model is asked. In a transcript the name of who speaks is one of a sentence's words. What is
similar may still put the right words together wrongly: the reader is shown the places.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.citations import SUBSTANCE, carrier, runs
from workers.meaning import Meaning
from workers.sentences import sentence_spans
from workers.summaries.spoken import Speech
from workers.tokens import FUNCTION_WEIGHT, Tokens, is_figure, tokens_of
from workers.tokens import weight_of as weigh

#: Changes with the rules below: part of the content keys of what they have judged.
VERSION = 3
TOGETHER = 3  #: sentences that may carry one between them
HELD = 0.6  #: share of a sentence's weight that they must hold
NEAR = 0.62  #: cosine of two sentences that say the same, in the default embedder

MONTHS = frozenset(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)

Place = tuple[int, int, int]  #: source, start, end


class Support(StrEnum):
    """How sure it is that a sentence is what its sources say."""

    VERIFIED = "verified"
    SIMILAR = "similar"
    UNSUPPORTED = "unsupported"
    NO_CLAIM = "no_claim"


@dataclass(frozen=True, slots=True)
class Supported:
    """A sentence and the places that carry it."""

    text: str
    support: Support
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    place: Place
    text: str
    tokens: Tokens


def supported(text: str, sources: Sequence[str], meaning: Meaning) -> Iterator[Supported]:
    """Every sentence of `text`, judged by the sources; places are offsets into these."""
    speeches = [Speech.of(source) for source in sources]
    several = [
        ((number, start, end), tokens_of(speech.speaker(start)) + held)
        for number, speech in enumerate(speeches)
        for (start, end), held in runs(speech.source)
    ]
    single = list(_held(speeches))
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        yield Supported(sentence, *_judged(sentence, several, single, meaning))


def _judged(
    sentence: str,
    several: Sequence[tuple[Place, Tokens]],
    single: Sequence[_Held],
    meaning: Meaning,
) -> tuple[Support, tuple[Place, ...]]:
    wanted = tokens_of(sentence)
    if weigh(wanted) < SUBSTANCE:
        return Support.NO_CLAIM, ()
    place = carrier(sentence, several)
    if place is not None:
        return Support.VERIFIED, (place,)
    together = _together(wanted, single)
    if together and _missing(wanted, together) <= (1 - HELD) * weigh(wanted):
        found = together
    else:
        found = _nearest(sentence, single, meaning)
    if not found or not all(_stands(wanted, place, found) for place in _figures(wanted)):
        return Support.UNSUPPORTED, ()
    return Support.SIMILAR, tuple(held.place for held in found)


def _together(wanted: Tokens, single: Sequence[_Held]) -> list[_Held]:
    """The sentences that hold most of it, each one what the ones before it lack."""
    left, chosen = Counter(wanted), list[_Held]()
    for _ in range(TOGETHER):
        best = max(single, key=lambda held: _gain(left, held), default=None)
        if best is None or not _gain(left, best):
            break
        chosen.append(best)
        left -= Counter(best.tokens)
    return chosen


def _gain(left: Counter[str], held: _Held) -> float:
    return weigh((left & Counter(held.tokens)).elements())


def _missing(wanted: Tokens, chosen: Sequence[_Held]) -> float:
    left = Counter(wanted)
    for held in chosen:
        left -= Counter(held.tokens)
    return weigh(left.elements())


def _nearest(sentence: str, single: Sequence[_Held], meaning: Meaning) -> list[_Held]:
    vectors = meaning.vectors([sentence, *(held.text for held in single)])
    if vectors is None or not single:
        return []
    cosines = vectors[1:] @ vectors[0]
    best = int(cosines.argmax())
    return [single[best]] if cosines[best] >= NEAR else []


def _figures(tokens: Tokens) -> list[int]:
    """Where its numbers stand."""
    return [place for place, token in enumerate(tokens) if is_figure(token)]


def _stands(wanted: Tokens, place: int, found: Sequence[_Held]) -> bool:
    """Whether a number stands in what was found, in the company it keeps here.

    In one sentence any company will do, for it may say things in other words; but of several, each
    about something else, one could lend another's number to a third one's words.
    """
    there = [held for held in found if wanted[place] in held.tokens]
    company = _company(wanted, place)
    if len(found) == 1 or not company:
        return bool(there)
    return any(company.intersection(held.tokens) for held in there)


def _company(tokens: Tokens, place: int) -> frozenset[str]:
    """The nearest words on either side that tell something and are no numbers.

    A day or a year beside a month has no other company: the year of another date is not its own.
    """
    months = MONTHS.intersection(tokens[max(0, place - 1) : place + 2])
    if months:
        return months
    sides = (reversed(tokens[:place]), tokens[place + 1 :])
    nearest = (next(filter(_tells, side), None) for side in sides)
    return frozenset(token for token in nearest if token is not None)


def _tells(token: str) -> bool:
    return not is_figure(token) and weigh([token]) > FUNCTION_WEIGHT


def _held(speeches: Sequence[Speech]) -> Iterator[_Held]:
    for number, speech in enumerate(speeches):
        for start, end in sentence_spans(speech.source):
            text = speech.source[start:end]
            name = tokens_of(speech.speaker(start))
            yield _Held((number, start, end), text, name + tokens_of(text))
