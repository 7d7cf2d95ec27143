"""Files fetched from a web address: from a real server, and never from where they must not."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Thread

import pytest
from conftest import forget_settings
from fakes import new_collection
from fastapi.testclient import TestClient

from service import fetching
from service.errors import UrlRefused

PAGES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/a%20note.txt": (200, {}, b"The mains were renewed."),
    "/page": (200, {"Content-Type": "text/html; charset=utf-8"}, b"<p>The mains were renewed.</p>"),
    "/named": (200, {"Content-Disposition": "attachment; filename=../x/r.md"}, b"# Mains\n\nNew."),
    "/onward": (302, {"Location": "/a%20note.txt"}, b""),
    "/inside": (302, {"Location": "http://localhost:1/secret"}, b""),
    "/metadata": (302, {"Location": "http://169.254.169.254/latest"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/circle": (302, {"Location": "/circle"}, b""),
    "/empty": (200, {}, b""),
    "/large": (200, {}, b"x" * (1_100_000)),
    "/program": (200, {}, b"\x7fELF" + bytes(100)),
    "/broken": (500, {}, b"no"),
}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = PAGES.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_IMPORT_HOSTS", "127.0.0.1, intranet.example")
    monkeypatch.setenv("LECTERN_UPLOAD_MB", "1")
    forget_settings()


def ask(client: TestClient, url: str) -> tuple[int, dict[str, object]]:
    path = f"/v1/collections/{new_collection(url[-80:])}/documents/import"
    answer = client.post(path, json={"url": url})
    return answer.status_code, answer.json()


@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/a%20note.txt", "a note.txt", "text/plain"),
        ("/page", "page.html", "text/html"),
        ("/named", "r.md", "text/markdown"),
        ("/onward", "a note.txt", "text/plain"),
    ],
)
def test_a_file_is_fetched_named_and_read_like_an_upload(
    client: TestClient, site: str, path: str, name: str, kind: str
) -> None:
    status, answer = ask(client, site + path)
    assert status == 202, answer
    (document,), (job,) = answer["documents"], answer["jobs"]  # type: ignore[misc]
    assert (document["name"], document["media_type"]) == (name, kind)
    assert job["kind"] == "read"


@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/inside", 422, "url_refused"),
        ("/metadata", 422, "url_refused"),
        ("/file", 422, "url_refused"),
        ("/circle", 422, "url_refused"),
        ("/empty", 422, "empty_file"),
        ("/large", 413, "file_too_large"),
        ("/program", 415, "unsupported_type"),
        ("/broken", 502, "url_unreachable"),
        ("/missing", 502, "url_unreachable"),
    ],
)
def test_what_can_not_be_fetched_leaves_nothing(
    client: TestClient, site: str, path: str, status: int, code: str
) -> None:
    found, answer = ask(client, site + path)
    assert (found, answer["code"]) == (status, code)
    for collection in client.get("/v1/collections").json()["collections"]:
        assert collection["documents"] == 0


@pytest.mark.usefixtures("_allowed")
@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/x", "http://a:b@127.0.0.1/x", "http:///x", "http://elsewhere.example/", "x"],
)
def test_addresses_that_are_not_asked_at_all(client: TestClient, url: str) -> None:
    status, answer = ask(client, url)
    assert (status, answer["code"]) == (422, "url_refused")


def test_it_is_off_unless_somebody_says_from_where(client: TestClient, site: str) -> None:
    status, answer = ask(client, f"{site}/a%20note.txt")
    assert (status, answer["code"]) == (422, "import_off")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "fd00::1"])
async def test_any_host_means_any_public_one(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("LECTERN_IMPORT_HOSTS", "*")
    forget_settings()
    host = f"[{address}]" if ip_address(address).version == 6 else address
    with pytest.raises(UrlRefused):
        await fetching.fetch(f"http://{host}:1/x")
