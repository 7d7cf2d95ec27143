"""Collections: knowledge bases that hold documents."""

from typing import Any

from fastapi import APIRouter

from ingest import library
from ingest.database import reading, writing
from service.deps import Identifier, Owner
from service.schemas.jobs import JobAnswer
from service.schemas.library import Collection, Collections, NewCollection
from workers import submit
from workers.wishes import Wish

router = APIRouter(prefix="/v1/collections", tags=["collections"])


@router.post("", status_code=201, response_model=Collection)
def create_collection(new: NewCollection) -> dict[str, Any]:
    """Begin a collection. 409 `collection_name_taken` when there is one of that name."""
    with writing() as session:
        return library.create_collection(session, new.name).public()


@router.get("", response_model=Collections)
def list_collections() -> dict[str, Any]:
    """Every collection, oldest first."""
    with reading() as session:
        return {"collections": [found.public() for found in library.collections(session)]}


@router.get("/{collection_id}", response_model=Collection)
def get_collection(collection_id: Identifier) -> dict[str, Any]:
    """One collection."""
    with reading() as session:
        return library.collection(session, collection_id).public()


@router.delete("/{collection_id}", status_code=202, response_model=JobAnswer)
def delete_collection(collection_id: Identifier, owner: Owner) -> dict[str, Any]:
    """Remove a collection with all its documents: hidden at once, erased by a job."""
    return {"job": submit.delete_collection(collection_id, Wish(owner=owner)).public()}
