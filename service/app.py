"""The web application, put together: routes, errors, the door, the page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.responses import FileResponse
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from service import agents, errors
from service.guard import Guard
from service.metrics import Meter, Metrics
from service.reference import page as reference
from service.routes import (
    answers,
    collections,
    conversations,
    documents,
    jobs,
    openai,
    pages,
    schedules,
    state,
    versions,
    webhooks,
)
from service.schemas.forms import Problem
from service.schemas.summaries import Summary

WEB = Path(__file__).parent / "web"
ROUTES = (
    collections,
    documents,
    versions,
    pages,
    jobs,
    answers,
    openai,
    conversations,
    schedules,
    webhooks,
    state,
)
DESCRIPTION = (
    "Documents in, summaries and cited answers out. Times are seconds since the epoch, offsets "
    "count Unicode code points, and every error is an RFC 9457 problem document with a stable code."
)
ANY_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "a problem document; its code says what is wrong",
        "content": {errors.PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def create_app() -> FastAPI:
    """A new application. Opens nothing until it is asked something."""
    app = FastAPI(
        title="Lectern",
        version="0.1.0",
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's viewers load their scripts from a CDN
        redoc_url=None,
        lifespan=_lifespan,
        responses=ANY_PROBLEM,
        redirect_slashes=False,
    )
    app.state.closing = asyncio.Event()
    app.state.metrics = Metrics()
    app.state.views = CapacityLimiter(pages.VIEWS_AT_ONCE)
    app.add_middleware(Guard)
    app.add_middleware(Meter, metrics=app.state.metrics)
    errors.install(app)
    for module in ROUTES:
        app.include_router(module.router)
    reference.install(app)
    agents.install(app)
    app.add_route("/", _front_page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=WEB, check_dir=False), name="static")
    _describe_the_rest(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.closing.clear()
    async with agents.serving(app):
        yield
        app.state.closing.set()


async def _front_page(_request: object) -> FileResponse:
    index = WEB / "index.html"
    if not index.is_file():
        raise HTTPException(404, "The web page is not installed.")
    return FileResponse(index)


def _describe_the_rest(app: FastAPI) -> None:
    """Describe what no route names as its answer: problems, and what jobs end in."""
    described = app.openapi
    models = models_json_schema(
        [(model, "serialization") for model in (Problem, Summary)],
        ref_template="#/components/schemas/{model}",
    )
    rest = models[1]["$defs"]

    def with_the_rest() -> dict[str, Any]:
        description = described()
        known = description["components"]["schemas"]
        known.update({name: schema for name, schema in rest.items() if name not in known})
        return description

    app.openapi = with_the_rest  # type: ignore[method-assign]
