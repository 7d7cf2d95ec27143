"""BM25 over the chunks of a few documents, each looked at by itself.

For where FTS5's own takes long: it counts every word of the question in the whole index, common
ones too, and those are what the pages of a report are told apart by. Here the counts are given,
and the cost is that of the documents. (Robertson and Zaragoza, The Probabilistic Relevance
Framework, 2009; constants as FTS5's, lengths beside the documents' own mean.)
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from ingest.stems import stems

K1, B = 1.2, 0.75


def weighed(
    chunks: Iterable[tuple[str, str]], rarities: Mapping[str, float]
) -> list[tuple[str, float]]:
    """(chunk id, score) of those given as (id, words), best first; weights by the words asked."""
    split = [(chunk_id, words.split()) for chunk_id, words in chunks]
    if not split:
        return []
    forms = _forms(set().union(*(words for _, words in split)), list(rarities))
    mean = fmean(len(words) for _, words in split)
    scored = [(chunk_id, _score(words, forms, rarities, mean)) for chunk_id, words in split]
    return sorted((one for one in scored if one[1] > 0), key=lambda one: -one[1])


def _score(
    words: Sequence[str], forms: Mapping[str, str], rarities: Mapping[str, float], mean: float
) -> float:
    counted = Counter(forms[word] for word in words if word in forms)
    relative = K1 * (1 - B + B * len(words) / mean)
    return sum(
        rarities[word] * count * (K1 + 1) / (count + relative) for word, count in counted.items()
    )


def _forms(there: Iterable[str], asked: Sequence[str]) -> dict[str, str]:
    """The words asked for, by every form of them that is there.

    A stem is the beginning of its forms, but for its last letter; two letters are never lost.
    """
    stemmed = stems(asked)
    known = {stem: word for word, stem in reversed(stemmed.items())}
    spelled = [(spelling, len(stem)) for word, stem in stemmed.items() for spelling in (word, stem)]
    beginnings = tuple({spelling[: max(length - 1, 2)] for spelling, length in spelled})
    first = {beginning[:2] for beginning in beginnings}  # looked at first, for speed
    alike = stems(word for word in there if word[:2] in first and word.startswith(beginnings))
    return {word: known[stem] for word, stem in alike.items() if stem in known}
