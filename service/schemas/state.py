"""The shapes of what machines that watch the service are told."""

from service.schemas.forms import Answering


class Health(Answering):
    """The process is there."""

    status: str


class Part(Answering):
    """Whether one part of Lectern does its work."""

    ok: bool
    message: str


class Readiness(Answering):
    """Whether questions and documents can be worked on now."""

    ready: bool
    parts: dict[str, Part]
