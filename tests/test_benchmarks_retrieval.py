"""Evaluation of retrieval: layouts are read as published, and every figure is what it says."""

import json
from pathlib import Path

import pytest
from fakes import FakeEmbedder, pdf

from benchmarks.evaluation import ranks
from benchmarks.evaluation.layouts import Place, sets
from benchmarks.evaluation.retrieval import measured

ARTICLES = {
    "data": [
        {
            "paragraphs": [
                {"context": "臺北的變壓器在三月更換。", "qas": [{"question": "變壓器幾月更換？"}]},
                {"context": "員工的特別休假是七天。", "qas": [{"question": "特別休假幾天？"}]},
            ]
        }
    ]
}
MEETING = {
    "meeting_transcripts": [
        {"speaker": "A", "content": "Good morning."},
        {"speaker": "B", "content": "The harbour wall is cracked."},
        {"speaker": "A", "content": "Thank you."},
    ],
    "specific_query_list": [
        {"query": "What of the wall?", "relevant_text_span": [["1", "1"]]},
        {"query": "What of nothing?", "relevant_text_span": []},
    ],
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a set of each layout."""
    folder = tmp_path / "sets"
    reports = folder / "reports"
    (reports / "pdfs").mkdir(parents=True)
    pages = "Cover of the report", "Mains renewed 25 km", "Chlorine at 47 minutes"
    (reports / "pdfs" / "NORTH_2021.pdf").write_bytes(pdf(*pages))
    rows = [
        {
            "id": name,
            "document": f"{name}.pdf",
            "question": "How many km of mains were renewed?",
            "evidence": [{"document": f"{name}.pdf", "page": 2}],
        }
        for name in ("NORTH_2021", "MISSING")
    ]
    (reports / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "articles.json").write_text(json.dumps(ARTICLES))
    (folder / "meetings.jsonl").write_text(json.dumps(MEETING))
    return folder


def test_a_folder_may_hold_every_layout(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    articles, meetings, reports = sets(data)
    assert [len(one.asked) for one in (articles, meetings, reports)] == [2, 1, 1]
    assert "MISSING.pdf" in capsys.readouterr().err
    assert reports.asked[0].proved_by(Place("NORTH_2021.pdf", 2))
    assert not reports.asked[0].proved_by(Place("OTHER.pdf", 2))
    assert not reports.asked[0].proved_by(Place("NORTH_2021.pdf", 1))


def test_evidence_in_a_text_is_where_it_stands(data: Path) -> None:
    articles, meetings, _ = sets(data)
    (start, end), text = articles.asked[1].spans[0], articles.sources[0].text
    assert text[start:end] == "員工的特別休假是七天。"
    (start, end), text = meetings.asked[0].spans[0], meetings.sources[0].text
    assert text[start:end] == "B: The harbour wall is cracked."


def test_a_limit_keeps_only_the_documents_that_are_asked(data: Path) -> None:
    assert [len(one.asked) for one in sets(data, 1)] == [1, 1, 1]


def test_a_folder_without_questions_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no questions"):
        sets(tmp_path)


def test_measures_are_those_of_the_ranks() -> None:
    found = ranks.measures([[True, False], [False, False, False, True], []])
    assert found["hit@1"] == pytest.approx(1 / 3)
    assert found["hit@5"] == pytest.approx(2 / 3)
    assert found["mrr"] == pytest.approx((1 + 1 / 4) / 3)
    assert 0 < found["ndcg@10"] < 1
    low, high = ranks.interval([[True], [False], [True], [True]])
    assert 0 <= low < 0.75 < high <= 1


def test_every_way_is_measured_over_the_same_pages_by_the_real_parts(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for one in sets(data) for row in measured(one, FakeEmbedder())]  # type: ignore[arg-type]
    assert [row["mode"] for row in rows] == ["within", "all"] * 3
    for row in rows:
        assert row["hit@5"] == row["words_hit@5"] == 1
        assert row["stock_hit@10"] == 1
        assert row["latency_ms"]["total_ms"] > 0
