"""Sends one message to a webhook and says what came of it. Knows no database.

Signed as Standard Webhooks has it; redirects are not followed, no proxy is asked, and the
connection is made to the very address that was checked.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from ingest.addresses import trusted
from ingest.errors import LecternError
from ingest.names import one_line
from workers import receivers, signature
from workers.settings import settings

TIMEOUT_SECONDS = 10.0  #: for all of it
RESPONSE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that is about to be sent; `attempt` is the fence of its claim."""

    id: str
    url: str
    secret: str
    payload: dict[str, Any]
    attempt: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt."""

    seconds: float
    code: int | None = None  #: HTTP status
    response: str | None = None  #: how the answer began
    error: str | None = None  #: why there was none

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.code is not None and 200 <= self.code < 300

    @property
    def unwanted(self) -> bool:
        """Whether the receiver wants no more messages (Standard Webhooks 1.0.0)."""
        return self.code == HTTPStatus.GONE


def send_all(parcels: list[Parcel]) -> list[Outcome]:
    """Send all at once; blocks for `TIMEOUT_SECONDS`, and for a name service that is slower."""

    async def together() -> list[Outcome]:
        return await asyncio.gather(*(_attempt(parcel) for parcel in parcels))

    return asyncio.run(together())


async def _attempt(parcel: Parcel) -> Outcome:
    began, code, response, error = time.monotonic(), None, None, None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            code, response = await _post(parcel)
    except TimeoutError:
        error = f"No answer within {TIMEOUT_SECONDS:g} s."
    except (LecternError, httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as fault:
        error = _shown(str(fault) or type(fault).__name__)
    return Outcome(round(time.monotonic() - began, 3), code, response, error)


async def _post(parcel: Parcel) -> tuple[int, str]:
    url = httpx.URL(parcel.url)
    addresses = await receivers.reachable(parcel.url, settings().webhook_receivers)
    body = json.dumps(parcel.payload, ensure_ascii=False, separators=(",", ":")).encode()
    sent = {
        "content": body,
        "headers": {
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "Lectern",
            "Accept-Encoding": "identity",
            **signature.headers(parcel.secret, parcel.id, int(parcel.sent_at), body),
        },
        # The certificate has to be that of the name, though an address is called.
        "extensions": {"sni_hostname": url.raw_host.decode("ascii")},
    }
    async with httpx.AsyncClient(verify=trusted(), trust_env=False, timeout=None) as client:
        for address in addresses[:-1]:
            try:
                return await _answered(client, url.copy_with(host=address), sent)
            except httpx.ConnectError:
                continue  # a name with an IPv6 address often listens on IPv4 alone
        return await _answered(client, url.copy_with(host=addresses[-1]), sent)


async def _answered(
    client: httpx.AsyncClient, url: httpx.URL, sent: dict[str, Any]
) -> tuple[int, str]:
    """Status and the beginning of the answer; the rest is never read."""
    async with client.stream("POST", url, **sent) as response:
        beginning = b""
        async for piece in response.aiter_raw():
            beginning += piece
            if len(beginning) >= RESPONSE_CHARACTERS:
                break
        return response.status_code, _shown(beginning.decode("utf-8", "replace"))


def _shown(text: str) -> str:
    return one_line(text)[:RESPONSE_CHARACTERS]
