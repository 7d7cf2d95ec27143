"""The door of the web process: who may talk to it, how much, and what each answer forbids.

Against DNS rebinding only known names of this host are answered; against forged requests a page
of another origin may change nothing. Knows nothing of documents and jobs.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge, CrossOrigin, HostNotAllowed, answer_to
from service.headers import SECURITY_HEADERS
from service.settings import settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERY_INTERFACE = frozenset({"0.0.0.0", "::", ""})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS = {"http": 80, "https": 443}
#: Uploads have limits of their own; any other request is small.
UPLOAD = re.compile(r"/v1/(?:collections/[^/]+/documents|documents/[^/]+/versions)")
BODY_BYTES = 1024 * 1024


class Guard:
    """ASGI middleware: checks Host, Origin and size, and adds the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, scope["path"])
            await send(message)

        try:
            _check(scope)
            body = receive if UPLOAD.fullmatch(scope["path"]) else _limited(scope, receive)
            await self.app(scope, body, send_with_headers)
        except (HostNotAllowed, CrossOrigin, BodyTooLarge) as refusal:
            await answer_to(refusal)(scope, receive, send_with_headers)


def _check(scope: Scope) -> None:
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _known(_name(hosts[0])):
        raise HostNotAllowed
    if scope["method"] in SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is not None and not _same(origin, hosts[0]):
        raise CrossOrigin


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _known(name: str) -> bool:
    ours = settings()
    if name in LOOPBACK or name in ours.names or "*" in ours.names:
        return True
    if ours.host in EVERY_INTERFACE:
        # Rebinding needs a name that the attacker controls: an address is never one.
        return _is_address(name)
    return name == ours.host.lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _same(origin: str, host: str) -> bool:
    try:
        there = urlsplit(origin)
        here = urlsplit(f"{there.scheme}://{host}")
        port = DEFAULT_PORTS.get(there.scheme)
        return there.hostname is not None and (there.hostname, there.port or port) == (
            here.hostname,
            here.port or port,
        )
    except ValueError:
        return False


def _limited(scope: Scope, receive: Receive) -> Receive:
    declared = Headers(scope=scope).get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > BODY_BYTES:
        raise BodyTooLarge(limit=BODY_BYTES)
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES:
            # The framework lets only its own errors pass while it reads a body.
            raise HTTPException(413, str(BodyTooLarge(limit=BODY_BYTES)))
        return message

    return counted


def _add_headers(message: Message, path: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store" if path.startswith("/v1/") else "no-cache")
