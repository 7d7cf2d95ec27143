"""Documents and questions are folded the same way, in both languages."""

from sqlalchemy import text

from ingest import lexical
from ingest.database import reading, writing
from ingest.filters import Part
from ingest.words import question_words, words


def test_chinese_becomes_pairs_and_is_folded() -> None:
    assert list(words("臺灣變壓器")) == ["台湾", "湾变", "变压", "压器"]
    assert list(words("台湾变压器")) == list(words("臺灣變壓器"))


def test_what_has_two_forms_in_use_is_one_word() -> None:
    assert list(words("臺北市２０２３年ＡＢＣ")) == list(words("台北市2023年abc"))


def test_numbers_stay_whole() -> None:
    assert list(words("£23,700 at ４．１５％")) == ["23700", "at", "4p15"]


def test_questions_lose_what_says_nothing() -> None:
    assert question_words("How many kilometres of mains were renewed?") == (
        "kilometres",
        "mains",
        "renewed",
    )


def _found(question: str, scope: str = "col_a") -> list[str]:
    with reading() as session:
        asked = question_words(question)
        return [hit.chunk_id for hit in lexical.search(session, scope, asked, 10)]


def test_the_index_finds_ranks_isolates_and_forgets(migrated: object) -> None:
    with writing() as session:
        lexical.add(
            session, "col_a", "ver_1", [("c1", "特別休假應於三日前請假"), ("c2", "renewing mains")]
        )
        lexical.add(session, "col_b", "ver_2", [("c3", "特別休假")])
    assert _found("請假要幾天前？") == ["c1"]
    assert _found("How were the mains renewed?") == ["c2"]  # the stem is what counts
    assert _found("特別休假", "col_b") == ["c3"]
    assert _found("壓力") == []
    with writing() as session:
        lexical.remove(session, ["ver_1"])
        lexical.purge(session)
    assert _found("請假") == []
    with reading() as session:
        assert session.execute(text("SELECT count(*) FROM chunk_words")).scalar_one() == 1


def test_some_versions_can_be_searched_alone(migrated: object) -> None:
    with writing() as session:
        for version in ("ver_1", "ver_2", "ver_3"):
            lexical.add(session, "col_a", version, [(f"of {version}", "renewing mains")])
    with reading() as session:
        found = lexical.search(session, "col_a", ["mains"], 10, Part(("ver_1", "ver_3")))
    assert {hit.chunk_id for hit in found} == {"of ver_1", "of ver_3"}


def test_operators_in_questions_are_words(migrated: object) -> None:
    for odd in ('" OR 1', "NEAR(a b)", "scope : x", "a* ^b -c", "'); DROP TABLE chunks; --", ""):
        assert _found(odd) == []
