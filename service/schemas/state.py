"""The shapes of what machines that watch the service are told."""

from service.schemas.forms import Answering


class Health(Answering):
    """The process is there."""

    status: str


class Worker(Answering):
    """A live worker, as it told of itself."""

    id: str
    host: str
    pid: int
    model: str
    state: str  #: `serving`, or `leaving`: it ends what it has begun and takes nothing new
    seconds: float  #: since it was heard
    node: int | None = None  #: NUMA node it was put on
    bound: bool | None = None  #: whether its memory was, too
    local: float | None = None  #: share of its memory that lies there, 0 to 1


class Part(Answering):
    """Whether one part of Lectern does its work."""

    ok: bool
    message: str
    workers: list[Worker] | None = None


class Readiness(Answering):
    """Whether questions and documents can be worked on now."""

    ready: bool
    parts: dict[str, Part]
