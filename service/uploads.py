"""Files of a multipart request, written to disk while they arrive.

No file is ever held in memory, every limit holds while bytes come in, and either all files of a
request are kept or none. Knows how files arrive, not what becomes of them.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ingest.blobs import Intake
from ingest.errors import EmptyFile, LecternError, TooManyFiles
from ingest.sniff import media_type
from service.errors import MalformedUpload, NoFiles
from service.settings import settings

FIELD = b"files"
GULP = 1024 * 1024
PART_HEADERS = 8
PART_HEADER_BYTES = 8 * 1024
#: What a request may hold besides its files: headers, boundaries, whatever stands around them.
OVERHEAD_BYTES = 1024 * 1024
SILENCE_SECONDS = 60.0
LINGER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that has arrived whole and waits to be committed or discarded."""

    name: str
    media_type: str
    intake: Intake


class Upload:
    """The streaming parser of one request. Its methods block: call them in a thread."""

    def __init__(self, content_type: str) -> None:
        """Prepare for a body of this `Content-Type`. Raises MalformedUpload."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise MalformedUpload(reason="it is not multipart/form-data with a boundary")
        self._limits = settings()
        self._files: list[Incoming] = []
        self._open: Intake | None = None
        self._name = ""
        self._header = bytearray()
        self._value = bytearray()
        self._disposition: bytes | None = None
        self._bytes = 0
        self._file_bytes = 0
        self._complete = False
        self._parser = self._new_parser(boundary)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body. Raises what is wrong with them."""
        self._bytes += len(data)
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise MalformedUpload(reason="its parts can't be told apart") from error
        if self._bytes - self._file_bytes > OVERHEAD_BYTES:
            raise MalformedUpload(reason="there is too much around its files")

    def finish(self) -> list[Incoming]:
        """The files, all of them safe on disk. Raises MalformedUpload, NoFiles."""
        if not self._complete:
            raise MalformedUpload(reason="it ends too early")
        if not self._files:
            raise NoFiles
        for file in self._files:
            file.intake.seal()
        return self._files

    def discard(self) -> None:
        """Forget every file."""
        for file in self._files:
            file.intake.discard()
        if self._open is not None:
            self._open.discard()

    def _new_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
                max_header_count=PART_HEADERS,
                max_header_size=PART_HEADER_BYTES,
            )
        except FormParserError as error:
            raise MalformedUpload(reason="its boundary is too long") from error

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = None
        if options.get(b"name") != FIELD or b"filename" not in options:
            raise MalformedUpload(reason="each part must be a file in the field “files”")
        if len(self._files) >= self._limits.upload_files:
            raise TooManyFiles(limit=self._limits.upload_files)
        self._name = _decoded(options[b"filename"])
        self._open = Intake(self._limits.upload_bytes)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._open is not None
        self._file_bytes += end - start
        self._open.write(data[start:end])

    def _on_part_end(self) -> None:
        assert self._open is not None
        if not self._open.size:
            raise EmptyFile
        kind = media_type(self._open.head, self._name)
        self._files.append(Incoming(self._name, kind, self._open))
        self._open = None

    def _on_end(self) -> None:
        self._complete = True


async def receive(request: Request) -> list[Incoming]:
    """The files of a request, all or none. The caller commits or discards each intake."""
    upload = Upload(request.headers.get("content-type", ""))
    body = request.stream()
    files: list[Incoming] = []
    try:
        async for gulp in _gulps(body):
            await run_in_threadpool(upload.feed, gulp)
        files = await run_in_threadpool(upload.finish)
    except LecternError:
        await _linger(body)
        raise
    finally:
        if not files:
            upload.discard()
    return files


async def _gulps(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a thread."""
    held = bytearray()
    while (data := await _next(body)) is not None:
        held += data
        if len(held) >= GULP:
            yield bytes(held)
            held.clear()
    yield bytes(held)


async def _next(body: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await anext(body, None)
    except TimeoutError as error:
        raise HTTPException(408, "The upload stalled.") from error


async def _linger(body: AsyncIterator[bytes]) -> None:
    """Read on for a moment: many clients look for an answer only after they have sent it all."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            async for _ in body:
                pass
    except TimeoutError:
        return


def _decoded(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
