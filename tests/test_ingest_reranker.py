"""A cross-encoder, made for the test with weights that mean nothing: its order and its budget."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Office, new_collection, read
from transformers import BertConfig, BertForSequenceClassification, set_seed

from ingest.embed import bundled
from ingest.errors import RerankerMissing
from ingest.passages import Found, Scope
from ingest.reranker import FEW, Reranker
from ingest.search import find, find_surrounded

LONG = 60_000
TOWNS = ("Saltness", "Hollin", "Skarn", "Torvald", "Ekwall", "Marrow", "Aldby")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT with one output, and the bundled embedder's words."""
    made = tmp_path_factory.mktemp("reranker")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (bundled() / name).is_file():
            shutil.copy(bundled() / name, made / name)
    set_seed(1)
    config = BertConfig(
        vocab_size=30_522,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,
        initializer_range=0.5,
    )
    BertForSequenceClassification(config).save_pretrained(made)
    return made


def passage(number: int) -> Found:
    return Found(
        chunk_id=f"chunk_{number}",
        document_id="doc",
        document_name="a.txt",
        version_id="ver",
        page=1,
        char_start=0,
        char_end=1,
        heading="",
        text=f"The harbour of {TOWNS[number]} was built in {1870 + number}.",
        score=1.0 - number / 10,
        similarity=None,
        words=None,
    )


PASSAGES = [passage(number) for number in range(len(TOWNS))]


def test_the_first_are_read_and_put_in_order(folder: Path) -> None:
    found = Reranker(str(folder), LONG).reordered("Which harbour?", PASSAGES)
    scores = [one.reranked for one in found]
    assert None not in scores
    assert scores == sorted(scores, reverse=True)
    assert len({f"{score:.4f}" for score in scores}) == len(PASSAGES)
    assert {replace(one, reranked=None) for one in found} == set(PASSAGES)
    assert found != PASSAGES


def test_what_there_is_no_time_for_stays_where_it_is(folder: Path) -> None:
    found = Reranker(str(folder), 0).reordered("Which harbour?", PASSAGES)
    assert found[FEW:] == PASSAGES[FEW:]
    assert {one.chunk_id for one in found[:FEW]} == {one.chunk_id for one in PASSAGES[:FEW]}
    assert Reranker(str(folder), LONG).reordered("Which harbour?", []) == []


def test_a_folder_without_a_model_is_named() -> None:
    with pytest.raises(RerankerMissing, match="nowhere"):
        Reranker("nowhere", LONG)


@pytest.mark.usefixtures("migrated")
def test_a_search_tells_what_was_read_and_how_long_it_took(folder: Path) -> None:
    office, collection = Office(), new_collection()
    text = "\n\n".join(f"# {town}\n\n{one.text}" for town, one in zip(TOWNS, PASSAGES, strict=True))
    read(office, collection, text.encode(), "towns.md")
    question = "Which harbour was built?"
    plain = office.tools.means
    without = find(Scope(collection), question, 3, plain)
    means = replace(plain, reranker=Reranker(str(folder), LONG))
    found = find(Scope(collection), question, 3, means)
    assert "rerank_ms" in found.timings
    assert "rerank_ms" not in without.timings
    assert len(found.passages) == len(without.passages)
    assert [one.reranked for one in without.passages] == [None] * len(without.passages)
    assert None not in [one.reranked for one in found.passages]
    shown = find_surrounded(Scope(collection), question, 3, means)
    assert None not in [one.public()["reranked"] for one in shown.passages]
