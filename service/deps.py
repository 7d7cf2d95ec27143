"""Named types of what routes take: ids, page numbers, who asks, whether the service stops."""

import asyncio
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from ingest.names import one_line
from service.settings import settings

#: Wide enough for every id that was ever given out, narrow enough for any database.
ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
HIGHEST = 2**31 - 1
OWNER_CHARACTERS = 200

Identifier = Annotated[str, Path(pattern=ID_PATTERN, description="id of the thing meant")]
OptionalId = Annotated[str | None, Query(pattern=ID_PATTERN)]
PageNumber = Annotated[int, Path(ge=1, le=HIGHEST, description="page, from 1")]
Offset = Annotated[int, Query(ge=0, le=HIGHEST, description="code points of the page's text")]


def closing(request: Request) -> asyncio.Event:
    """Set when the service is about to stop: open streams end, so that it can."""
    event = request.app.state.closing
    assert isinstance(event, asyncio.Event)
    return event


Closing = Annotated[asyncio.Event, Depends(closing)]


def owner(request: Request) -> str:
    """Whose the request is, as the proxy says; "" (nobody in particular) where none is asked."""
    header = settings().owner_header
    told = request.headers.get(header, "") if header else ""
    # Headers are bytes; Starlette reads each as the character of that number.
    return one_line(told.encode("latin-1").decode("utf-8", "replace"))[:OWNER_CHARACTERS]


Owner = Annotated[str, Depends(owner)]
