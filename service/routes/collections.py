"""Collections: knowledge bases that hold documents."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ingest import library
from ingest.database import reading, writing
from service import indexes
from service.deps import Closing, Identifier, Owner
from service.schemas.indexes import IndexEstimate, ReindexRequest
from service.schemas.jobs import JobAnswer
from service.schemas.library import Collection, Collections, NewCollection
from service.streams import ESTIMATE_SECONDS, awaited
from workers import submit
from workers.wishes import Wish

router = APIRouter(prefix="/v1/collections", tags=["collections"])


@router.post("", status_code=201, response_model=Collection)
def create_collection(new: NewCollection) -> dict[str, Any]:
    """Begin a collection. 409 `collection_name_taken` when there is one of that name."""
    with writing() as session:
        made = library.create_collection(session, new.name)
    return indexes.shown([made])[0]


@router.get("", response_model=Collections)
def list_collections() -> dict[str, Any]:
    """Every collection, oldest first."""
    with reading() as session:
        found = library.collections(session)
    return {"collections": indexes.shown(found)}


@router.get("/{collection_id}", response_model=Collection)
def get_collection(collection_id: Identifier) -> dict[str, Any]:
    """One collection."""
    with reading() as session:
        found = library.collection(session, collection_id)
    return indexes.shown([found])[0]


@router.delete("/{collection_id}", status_code=202, response_model=JobAnswer)
def delete_collection(collection_id: Identifier, owner: Owner) -> dict[str, Any]:
    """Remove a collection with all its documents: hidden at once, erased by a job."""
    return {"job": submit.delete_collection(collection_id, Wish(owner=owner)).public()}


@router.post(
    "/{collection_id}/reindex",
    status_code=202,
    response_model=JobAnswer,
    responses={200: {"model": IndexEstimate}},
)
async def reindex_collection(
    collection_id: Identifier,
    wanted: ReindexRequest,
    owner: Owner,
    request: Request,
    closing: Closing,
) -> dict[str, Any] | JSONResponse:
    """Make the vectors of a collection anew by the embedder that is set, beside the old ones.

    These go on being searched until the new ones are complete. If the embedder is the same, only
    the index is made anew, from the vectors in the database. One that is on its way already is
    answered with. With `dry_run: true` nothing is begun; the answer is 200 with what it would take.
    """
    wish, dry_run = Wish(wanted.priority, owner, wanted.when), wanted.dry_run
    job = await run_in_threadpool(submit.reindex, collection_id, wish, dry_run=dry_run)
    if dry_run:
        return JSONResponse(await awaited(request, job, closing, ESTIMATE_SECONDS))
    return {"job": job.public()}
