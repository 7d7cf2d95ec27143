"""Two rankings become one, judged by pages."""

from ingest.fusion import Candidate, ranked


def at(page: int, similarity: float | None, words: float | None, number: int = 0) -> Candidate:
    return Candidate(f"{page}.{number}", "ver_1", page, similarity, words)


def order(*candidates: Candidate) -> list[str]:
    return [one.candidate.chunk_id for one in ranked(candidates, {})]


def test_what_both_rankings_know_comes_first() -> None:
    assert order(at(1, 0.9, None), at(2, 0.8, 9.0), at(3, None, 10.0))[0] == "2.0"


def test_words_alone_are_ranked_by_themselves() -> None:
    assert order(at(1, None, 2.0), at(2, None, 3.0)) == ["2.0", "1.0"]


def test_other_pages_are_heard_before_a_page_speaks_again() -> None:
    same = [at(1, 0.9, 9.0), at(1, 0.85, 8.0, 1)]
    assert order(*same, at(2, 0.82, 7.9)) == ["1.0", "2.0", "1.1"]


def test_a_page_of_several_good_chunks_beats_one_of_a_single() -> None:
    several = [at(1, None, 9.9, number) for number in range(3)]
    assert order(at(2, None, 10.0), *several)[0] == "1.0"


def test_the_document_that_is_spoken_of_comes_first() -> None:
    mine = Candidate("mine", "ver_2", 1, 0.5, 5.0)
    best = ranked([at(1, 0.6, 6.0), mine], {"ver_2": 1.0})
    assert best[0].candidate is mine


def test_scores_lie_between_nothing_and_one() -> None:
    found = ranked([at(1, 0.9, 9.0, number) for number in range(50)], {"ver_1": 1.0})
    assert all(0 <= one.score <= 1 for one in found)
    assert ranked([], {}) == []
    assert ranked([at(1, -0.2, None)], {})[0].score == 0
