"""The shapes of making a collection's index anew."""

from pydantic import Field

from service.schemas.jobs import BatchRequest, Estimate


class ReindexRequest(BatchRequest):
    """How a collection's index is to be made anew."""


class IndexEstimate(Estimate):
    """What a reindexing would take from now on."""

    chunks: int = Field(description="that the new index would be made of")
    known: int = Field(description="of them, those whose vectors are there already")
