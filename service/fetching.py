"""A file fetched from a web address that somebody names, hop by hop under guard.

Whoever may name an address could make this host ask what it should not: every hop is judged by
what its name resolves to, and the connection is made to just that address. Off unless
`LECTERN_IMPORT_HOSTS` says from where; a host that it names may be inside the building.
"""

import asyncio
import socket
from email.message import Message
from ipaddress import ip_address
from urllib.parse import unquote

import httpx
from starlette.concurrency import run_in_threadpool

from ingest.addresses import refused, trusted
from ingest.blobs import Intake
from ingest.errors import EmptyFile, LecternError
from ingest.sniff import media_type
from service.errors import ImportOff, UrlRefused, UrlUnreachable
from service.settings import settings
from service.uploads import Incoming

HOPS = 5
TOTAL_SECONDS = 120.0
SILENCE_SECONDS = 20.0
URL_CHARACTERS = 2_000
ANYWHERE = "*"
PORTS = {"http": 80, "https": 443}


async def fetch(url: str) -> Incoming:
    """The file behind `url`, which the caller commits or discards.

    Raises ImportOff, UrlRefused, UrlUnreachable, EmptyFile, FileTooLarge, UnsupportedType.
    """
    if not settings().import_names:
        raise ImportOff
    intake = Intake(settings().upload_bytes)
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            name = await _follow(checked(url), intake)
        if not intake.size:
            raise EmptyFile
        await run_in_threadpool(intake.seal)
        return Incoming(name, media_type(intake.head, name), intake)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        intake.discard()
        raise UrlUnreachable(reason=str(error) or type(error).__name__) from error
    except LecternError:
        intake.discard()
        raise


def checked(url: str) -> httpx.URL:
    """`url`, if it may be asked at all. Raises UrlRefused."""
    if len(url) > URL_CHARACTERS or not url.isprintable() or " " in url:
        raise UrlRefused(reason=f"it is not one word of {URL_CHARACTERS} characters at most")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UrlRefused(reason="it is not well-formed") from error
    if parsed.scheme not in PORTS or not parsed.host:
        raise UrlRefused(reason="it has to begin with http:// or https:// and a host")
    if parsed.userinfo:
        raise UrlRefused(reason="it must not hold a user name or password")
    if not settings().import_names & {ANYWHERE, parsed.host.lower()}:
        raise UrlRefused(reason=f"{parsed.host} is not in LECTERN_IMPORT_HOSTS")
    return parsed


async def _follow(url: httpx.URL, intake: Intake) -> str:
    """Write what is there into the intake; returns the file's name."""
    async with httpx.AsyncClient(
        verify=trusted(), trust_env=False, timeout=SILENCE_SECONDS
    ) as client:
        for _ in range(HOPS):
            request = client.build_request("GET", url, headers={"User-Agent": "Lectern"})
            request.extensions["sni_hostname"] = url.raw_host.decode("ascii")
            request.url = url.copy_with(host=await _address(url))  # the Host header stays
            response = await client.send(request, stream=True)
            try:
                if not response.has_redirect_location:
                    return await _received(response, url, intake)
                onward = checked(str(url.join(response.headers["location"])))
            finally:
                await response.aclose()
            if (url.scheme, onward.scheme) == ("https", "http"):
                raise UrlRefused(reason="it leads from https to http")
            url = onward
    raise UrlRefused(reason=f"it leads on more than {HOPS} times")


async def _received(response: httpx.Response, url: httpx.URL, intake: Intake) -> str:
    if response.status_code != httpx.codes.OK:
        raise UrlUnreachable(reason=f"{url.host} answers with {response.status_code}")
    async for piece in response.aiter_bytes():
        await run_in_threadpool(intake.write, piece)
    return _name(response, url)


async def _address(url: httpx.URL) -> str:
    """The first address of the name, if none of them is forbidden."""
    found = await asyncio.get_running_loop().getaddrinfo(
        url.host, url.port or PORTS[url.scheme], type=socket.SOCK_STREAM
    )
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    for each in addresses:
        address = ip_address(each.partition("%")[0])
        named = url.host.lower() in settings().import_names
        if refused(address) or not (named or address.is_global):
            raise UrlRefused(reason=f"it resolves to {address}, where nothing is fetched from")
    return addresses[0]


def _name(response: httpx.Response, url: httpx.URL) -> str:
    """As the server calls the file, or as its path ends."""
    told = Message()
    told["content-disposition"] = response.headers.get("content-disposition", "")
    name = told.get_filename() or unquote(url.path).rpartition("/")[2] or url.host
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    return f"{name}.html" if kind == "text/html" and "." not in name else name
