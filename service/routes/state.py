"""How the service and the parts it depends on are doing, for machines that watch it."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service import health
from service.schemas import state as schemas

router = APIRouter(tags=["state"])


@router.get("/healthz", response_model=schemas.Health)
async def get_health() -> dict[str, str]:
    """The process is there; nothing else is asked."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    response_model=schemas.Readiness,
    response_model_exclude_none=True,
    responses={503: {"model": schemas.Readiness}},
)
def get_readiness(response: Response) -> dict[str, Any]:
    """Whether documents and questions can be worked on now: 200, or 503 with the reasons."""
    parts = health.parts()
    ready = health.ready(parts)
    if not ready:
        response.status_code = 503
    return {"ready": ready, "parts": parts}


@router.get("/metrics", response_class=Response)
def get_metrics(request: Request) -> Response:
    """Requests and jobs in the format Prometheus reads."""
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
