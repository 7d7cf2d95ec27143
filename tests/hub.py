"""A made hub: the few answers of huggingface.co that Lectern asks for, over real HTTP.

It can break off in the middle, lie about sizes and sums, and want a token, as told.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_made_for_this_test"


@dataclass
class Files:
    """A repository, and what goes wrong with it."""

    id: str
    content: dict[str, bytes]
    licence: str = "apache-2.0"
    gated: bool = False
    sums: dict[str, str] = field(default_factory=dict)  #: stated in place of the true ones
    sizes: dict[str, int] = field(default_factory=dict)  #: likewise
    breaks: list[int] = field(default_factory=list)  #: bytes after which each answer in turn ends
    plain: bool = False  #: no sum is stated, as of files outside LFS
    longer: int = 0  #: bytes that come after what was announced
    ranges: bool = True  #: whether it can begin in the middle
    commit: str = COMMIT

    def told(self) -> dict[str, Any]:
        siblings = []
        for name, raw in self.content.items():
            size = self.sizes.get(name, len(raw))
            one: dict[str, Any] = {"rfilename": name, "size": size, "blobId": "0" * 40}
            if not self.plain:
                said = self.sums.get(name, hashlib.sha256(raw).hexdigest())
                one["lfs"] = {"sha256": said, "size": size, "pointerSize": 134}
            siblings.append(one)
        return {
            "id": self.id,
            "sha": self.commit,
            "private": False,
            "gated": "manual" if self.gated else False,
            "cardData": {"license": self.licence},
            "tags": [],
            "siblings": siblings,
        }


class MadeHub:
    """Repositories by their names, and what was asked of them."""

    def __init__(self) -> None:
        self.repositories: dict[str, Files] = {}
        self.asked: list[tuple[str, str, str | None, str | None]] = []
        self.url = ""

    def add(self, files: Files) -> Files:
        self.repositories[files.id] = files
        return files

    def downloads(self) -> list[str | None]:
        """The ranges that files were asked for in."""
        return [span for way, path, span, _ in self.asked if way == "GET" and "/resolve/" in path]


class Answers(BaseHTTPRequestHandler):
    """One connection to the hub of its server."""

    @property
    def hub(self) -> MadeHub:
        return self.server.hub  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = self.headers.get("Authorization")
        self.hub.asked.append((self.command, path, self.headers.get("Range"), token))
        if path.startswith("/api/models/"):
            return self.tell(path.removeprefix("/api/models/"), token)
        if path.startswith("/cdn/"):  # where a hub sends those who ask for large files
            return self.give(path.removeprefix("/cdn/"))
        name, _, rest = path.removeprefix("/").partition("/resolve/")
        commit, _, file = rest.partition("/")
        files = self.hub.repositories.get(name)
        if files is None or commit != files.commit or file not in files.content:
            return self.refuse(404, "EntryNotFound")
        if files.gated and token != f"Bearer {TOKEN}":
            return self.refuse(401, "GatedRepo")
        self.send_response(302)
        self.send_header("Location", f"{self.hub.url}/cdn/{name}/{file}")
        self.send_header("X-Repo-Commit", files.commit)
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(b"").hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def tell(self, name: str, token: str | None) -> None:
        name, _, revision = name.partition("/revision/")
        files = self.hub.repositories.get(name)
        if files is None:
            return self.refuse(401, "RepoNotFound")  # as the hub hides what is private
        if revision not in ("", "main", files.commit):
            return self.refuse(404, "RevisionNotFound")
        if files.gated and token != f"Bearer {TOKEN}":
            return self.refuse(403, "GatedRepo")
        raw = json.dumps(files.told()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
        return None

    def give(self, place: str) -> None:
        files = next(f for name, f in self.hub.repositories.items() if place.startswith(f"{name}/"))
        name = place.removeprefix(f"{files.id}/")
        raw, size = files.content[name], files.sizes.get(name, len(files.content[name]))
        span, begin = self.headers.get("Range"), 0
        if span and files.ranges:
            begin = int(span.removeprefix("bytes=").partition("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(raw).hexdigest()}"')
        if not files.longer:
            self.send_header("Content-Length", str(size - begin))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = begin + files.breaks.pop(0) if files.breaks else len(raw)
        self.wfile.write(raw[begin:end] + bytes(files.longer))
        self.close_connection = True

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "made to be refused")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def made_hub() -> Iterator[MadeHub]:
    hub = MadeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.hub = hub  # type: ignore[attr-defined]
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
