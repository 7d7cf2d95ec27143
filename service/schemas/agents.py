"""What the tools of agents are asked with."""

from typing import Annotated

from pydantic import Field

from service.schemas.answers import Narrowing, Page
from service.schemas.forms import Asking, Id, LongText

Where = Annotated[str, Field(max_length=300, description="id or name of a collection")]


class Nothing(Asking):
    """No arguments."""


class InCollection(Asking):
    """A collection."""

    collection: Where


class Search(InCollection):
    """What to look for, and where."""

    query: LongText
    limit: int = Field(8, ge=1, le=50)
    filter: Narrowing = Narrowing()


class Ask(InCollection):
    """A question, and where the answer may stand."""

    question: LongText
    document_id: Id | None = Field(None, description="answer from this document alone")
    conversation_id: Id | None = Field(None, description="of an answer before, to go on from it")
    filter: Narrowing = Narrowing()


class ReadPage(Asking):
    """A page of a document."""

    document_id: Id
    page: Page
    version_id: Id | None = Field(None, description="of a citation; without it the current one")
