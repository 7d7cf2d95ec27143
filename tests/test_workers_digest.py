"""Digests: every document in its own summary, all of them in one."""

import pytest
from fakes import Office, new_collection, prose, read

from workers import jobs, submit
from workers.errors import DigestImpossible
from workers.jobs import Job
from workers.states import JobStatus
from workers.styles import Form, Style


@pytest.fixture
def office(migrated: object) -> Office:
    return Office()


def digested(office: Office, job: Job) -> dict[str, object]:
    office.work(job)
    ended = jobs.get(job.id)
    assert ended.status is JobStatus.SUCCEEDED, ended.error
    return ended.result or {}


def test_each_document_has_its_part_and_all_have_one_text(office: Office) -> None:
    collection = new_collection()
    long = read(office, collection, prose(60, topic="quay"), "quay.txt")
    short = read(office, collection, prose(3, topic="crane"), "crane.txt")
    result = digested(office, submit.collection_digest(collection))
    parts = result["documents"]
    assert isinstance(parts, list)
    assert [part["document_id"] for part in parts] == [long.id, short.id]
    assert [part["coverage"]["characters_total"] > 0 for part in parts] == [True, True]
    nodes = {node["id"]: node for node in result["sections"]}  # type: ignore[attr-defined]
    kinds = [node["kind"] for node in nodes.values()]
    assert sorted(kinds) == ["digest", "final", "section", "section", "whole"]
    top = next(node for node in nodes.values() if node["kind"] == "digest")
    assert top["children"] == [part["node"] for part in parts]
    assert "quay.txt:" in office.model.asked[-1]
    assert "crane.txt:" in office.model.asked[-1]


def test_what_is_known_of_a_document_costs_nothing(office: Office) -> None:
    collection = new_collection()
    document = read(office, collection, prose(60), "quay.txt")
    office.work(submit.summary(document.id, Form(Style.BRIEF)))
    other = read(office, collection, prose(3, topic="crane"), "crane.txt")
    result = digested(office, submit.digest([document.id, other.id]))
    assert result["steps_reused"] == 3


def test_deleting_one_document_deletes_the_digest(office: Office) -> None:
    collection = new_collection()
    ids = [read(office, collection, prose(3, topic=t), f"{t}.txt").id for t in ("a", "b")]
    job = submit.digest(ids)
    digested(office, job)
    office.work(submit.delete_document(ids[1]))
    assert job.id not in {one.id for one in jobs.listing(jobs.JobFilter())}


def test_one_document_makes_no_digest(office: Office) -> None:
    collection = new_collection()
    read(office, collection, prose(3))
    with pytest.raises(DigestImpossible):
        submit.collection_digest(collection)
