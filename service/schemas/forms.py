"""What all requests and all answers have in common, and what a problem looks like."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.deps import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000, description="higher runs earlier")]
OwnerName = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
#: Only bounds the work; the error that names the real limit comes later.
LongText = Annotated[str, Field(max_length=500_000)]


class Answering(BaseModel):
    """Anything this service answers with."""

    model_config = ConfigDict(extra="allow")


class Asking(BaseModel):
    """Anything this service is asked with; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Hold(Asking):
    """Whether something goes on."""

    active: bool


class Problem(Answering):
    """RFC 9457: what went wrong."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="stable; programs may rely on it")


class ErrorCode(Answering):
    """Why something failed."""

    code: str
    message: str
