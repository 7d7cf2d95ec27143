"""What must be true of a fleet that has come to rest, whatever was done to it before."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from fleet import Fleet

from ingest.vectors import VectorIndex

#: Each query finds what must not be there.
NEVER = {
    "jobs that have not ended": "SELECT id, status FROM jobs WHERE finished_at IS NULL",
    "steps still held or on their way": (
        "SELECT id, status FROM steps WHERE status IN ('ready', 'published', 'running')"
    ),
    "leases without work": "SELECT id FROM steps WHERE lease_until IS NOT NULL",
    "steps whose fence did not grow with each claim": "SELECT id FROM steps WHERE fence <> claims",
    "steps done without an output": (
        "SELECT id FROM steps WHERE status = 'done' AND output IS NULL"
    ),
    "outputs of what is not done": (
        "SELECT id FROM steps WHERE status <> 'done' AND output IS NOT NULL"
    ),
    "jobs that succeeded with steps that did not": (
        "SELECT steps.id FROM steps JOIN jobs ON jobs.id = job_id "
        "WHERE jobs.status = 'succeeded' AND steps.status <> 'done'"
    ),
    "jobs that succeeded without a result": (
        "SELECT id FROM jobs WHERE status = 'succeeded' AND result IS NULL"
    ),
    "the same step planned twice": (
        "SELECT job_id FROM steps GROUP BY job_id, kind, ordinal HAVING count(*) > 1"
    ),
    "documents on their way": (
        "SELECT id, status FROM documents WHERE status IN ('waiting', 'reading', 'deleting')"
    ),
    "chunks of a ready document that are not indexed": (
        "SELECT chunks.id FROM chunks JOIN versions ON versions.id = version_id "
        "JOIN documents ON documents.id = document_id "
        "WHERE documents.status = 'ready' AND NOT EXISTS (SELECT 1 FROM embeddings "
        "JOIN generations ON generations.id = generation_id WHERE generations.status = 'serving' "
        "AND chunk_id = chunks.id AND indexed)"
    ),
    "chunks doubled or left out": (
        "SELECT version_id FROM chunks GROUP BY version_id "
        "HAVING count(*) <> max(ordinal) + 1 OR count(DISTINCT ordinal) <> count(*)"
    ),
    "chunks of nobody": ("SELECT id FROM chunks WHERE version_id NOT IN (SELECT id FROM versions)"),
    "words of no chunk": (
        "SELECT chunk_id FROM chunk_words WHERE chunk_id NOT IN (SELECT id FROM chunks)"
    ),
    "chunks without words, or with them twice": (
        "SELECT id FROM chunks "
        "WHERE (SELECT count(*) FROM chunk_words WHERE chunk_id = chunks.id) <> 1"
    ),
    "answers without their turn": (
        "SELECT id FROM jobs WHERE kind = 'question' AND status = 'succeeded' AND NOT EXISTS "
        "(SELECT 1 FROM turns WHERE job_id = jobs.id AND answer IS NOT NULL)"
    ),
}


def violations(fleet: Fleet) -> list[str]:
    """What is not as it must be."""
    return [*_of_rows(fleet), *_of_vectors(fleet), *_of_originals(fleet), *_of_citations(fleet),
            *_of_stories(fleet)]  # fmt: skip


def index_agrees(fleet: Fleet) -> bool:
    return not list(_of_vectors(fleet))


def _of_rows(fleet: Fleet) -> Iterator[str]:
    for what, query in NEVER.items():
        if found := fleet.sql(query):
            yield f"{what}: {found[:5]}"
    if fleet.sql("PRAGMA integrity_check") != [("ok",)]:
        yield "the database is corrupt"


def _of_vectors(fleet: Fleet) -> Iterator[str]:
    index = VectorIndex(fleet.chroma_url)
    query = "SELECT chunk_id FROM embeddings WHERE generation_id = ? AND indexed"
    serving = "SELECT id, collection_id FROM generations WHERE status = 'serving'"
    for generation, collection in fleet.sql(serving):
        wanted = {chunk for (chunk,) in fleet.sql(query, generation)}
        found = [chunk for page in index.pages(generation) for chunk in page]
        if Counter(found) != Counter(wanted):
            lost, strange = len(wanted - set(found)), len(set(found) - wanted)
            yield f"vectors of {collection}: {lost} are missing, {strange} are nobody's"


def _of_originals(fleet: Fleet) -> Iterator[str]:
    kept = {path.name for path in (fleet.data / "blobs").rglob("*") if path.is_file()}
    known = {sha256 for (sha256,) in fleet.sql("SELECT sha256 FROM versions")}
    if lost := known - kept:
        yield f"documents without their original: {lost}"
    if strange := kept - known:
        yield f"originals of no document, or half-written: {strange}"


def _of_citations(fleet: Fleet) -> Iterator[str]:
    """Each cites what is there, in its own words, once."""
    for job in _all(fleet, "question"):
        places = []
        for one in (job["result"] or {}).get("citations", ()):
            place = one["char_start"], one["char_end"]
            places.append((one["version_id"], one["page"], *place))
            page = fleet.sql(
                "SELECT text FROM pages WHERE version_id = ? AND number = ?",
                one["version_id"],
                one["page"],
            )
            if not page or page[0][0][slice(*place)] != one["quote"]:
                yield f"{job['id']} cites what is not there: {one}"
        if len(places) != len(set(places)):
            yield f"{job['id']} cites a place twice"


def _of_stories(fleet: Fleet) -> Iterator[str]:
    """No end is told twice, and none that is not true."""
    with fleet.wire() as wire:
        for key in wire.scan_iter("lectern:events:*"):
            names = Counter(fields["name"] for _, fields in wire.xrange(key))
            if names["done"] + names["error"] > 1:
                yield f"{key} ends {names['done'] + names['error']} times"


def _all(fleet: Fleet, kind: str) -> list[dict[str, Any]]:
    return list(fleet.get(f"/v1/jobs?kind={kind}&status=succeeded&limit=500")["jobs"])
