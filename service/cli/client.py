"""The REST API as the commands use it. Knows paths and errors; prints nothing."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.cli.errors import ApiError, ConnectionLost, ServiceUnreachable
from service.cli.stream import Event, parse_events
from service.settings import settings

Record = dict[str, Any]

EVERYWHERE = {"0.0.0.0", "::", ""}
#: A stream says something at least every 15 s; silence of this many seconds means it is gone.
STREAM_SILENCE_S = 60.0
RESUME_ATTEMPTS = 30
RESUME_PAUSE_S = 1.0


def default_url() -> str:
    """Where a service with this machine's settings answers."""
    host = settings().host
    name = "127.0.0.1" if host in EVERYWHERE else host
    return f"http://{f'[{name}]' if ':' in name else name}:{settings().port}"


class Client:
    """One service. Raises `ServiceUnreachable`, `ConnectionLost` and `ApiError`."""

    def __init__(self, url: str | None = None, transport: httpx.BaseTransport | None = None):
        self.url = (url or default_url()).rstrip("/")
        local = urlsplit(self.url).hostname in {"127.0.0.1", "::1", "localhost"}
        self._http = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(60.0, connect=5.0),
            transport=transport,
            trust_env=not local,  # a proxy can't reach this machine's loopback
        )

    def get(self, path: str, **query: str | int | None) -> Record:
        """The JSON body of `GET path`."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._body("GET", path, params=asked)

    def post(self, path: str, body: Record | None = None) -> Record:
        """The JSON body of `POST path`."""
        return self._body("POST", path, json=body or {})

    def download(self, path: str, **query: str) -> bytes:
        """The body of `GET path`, whatever it is."""
        return self._answer("GET", path, params=query).content

    def delete(self, path: str) -> None:
        """Nothing comes back from `DELETE path`."""
        self._body("DELETE", path)

    def upload(self, target: str, path: Path, advance: Callable[[int], None]) -> Record:
        """Send one file to the path `target`; `advance` hears of every bytes sent."""
        with path.open("rb", buffering=0) as raw:
            file = CountedFile(raw, advance)
            patience = httpx.Timeout(60.0, connect=5.0, write=None)
            return self._body("POST", target, files={"files": (path.name, file)}, timeout=patience)

    def follow(self, job_id: str) -> Iterator[Event]:
        """The events of a job to its end; a lost connection is taken up where it broke."""
        seen: str | None = None
        failures = 0
        while True:
            headers = {"Last-Event-ID": seen} if seen else {}
            try:
                with self._stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as events:
                    for event in events:
                        seen, failures = event.id or seen, 0
                        yield event
                        if event.ends:
                            return
                reason = "the stream ended early"
            except (ServiceUnreachable, ConnectionLost) as error:
                reason = str(error)
            failures += 1
            if failures > RESUME_ATTEMPTS:
                raise ConnectionLost(url=self.url, reason=reason)
            time.sleep(RESUME_PAUSE_S)

    def ask(self, collection_id: str, body: Record) -> Iterator[Event]:
        """Ask and stream the answer. Leaving the stream cancels the question."""
        target = f"/v1/collections/{collection_id}/ask"
        with self._stream("POST", target, json={**body, "stream": True}) as events:
            yield from events

    @contextmanager
    def _stream(self, method: str, path: str, **options: Any) -> Iterator[Iterator[Event]]:
        patience = httpx.Timeout(STREAM_SILENCE_S, connect=5.0)
        with (
            self._naming_faults(),
            self._http.stream(method, path, timeout=patience, **options) as response,
        ):
            if response.is_error:
                response.read()
                raise _problem(response)
            yield parse_events(response.iter_bytes())

    def _body(self, method: str, path: str, **options: Any) -> Record:
        response = self._answer(method, path, **options)
        if not response.content:
            return {}
        body = response.json()
        return body if isinstance(body, dict) else {}

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._naming_faults():
            response = self._http.request(method, path, **options)
        if response.is_error:
            raise _problem(response)
        return response

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ServiceUnreachable(url=self.url) from error
        except httpx.TransportError as error:
            raise ConnectionLost(url=self.url, reason=str(error) or "timed out") from error


class CountedFile(io.BufferedReader):
    """A file that tells how much of it has been read."""

    def __init__(self, raw: io.RawIOBase, advance: Callable[[int], None]) -> None:
        super().__init__(raw)
        self._advance = advance

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes."""
        data = super().read(size)
        self._advance(len(data))
        return data


def _problem(response: httpx.Response) -> ApiError:
    """The error of a problem document (RFC 9457), or of whatever else came back."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    message = body.get("detail") or body.get("title") or f"HTTP {response.status_code}"
    return ApiError(str(body.get("code", f"http_{response.status_code}")), str(message))
