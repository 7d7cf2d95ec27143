"""Whom webhooks may reach: checked when one is made, and again each time something is sent.

Addresses inside the building are what webhooks are for here, so they are allowed. Those at which a
cloud's host hands out its credentials, and those that name nobody, are not; a name is judged by
what it resolves to, and the connection is made to just that address.
"""

import asyncio
import socket
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ingest.addresses import refused
from workers.errors import ReceiverRefused, WebhookUrlRefused

URL_CHARACTERS = 2_000
PORTS = {"http": 80, "https": 443}


def checked_url(url: str, hosts: frozenset[str]) -> str:
    """`url` if something may be sent there. Raises WebhookUrlRefused.

    `hosts` are the only names allowed; none: any.
    """
    if len(url) > URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise WebhookUrlRefused(reason=f"it is not {URL_CHARACTERS} plain characters at most")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise WebhookUrlRefused(reason="it is not well-formed") from error
    if parts.scheme not in PORTS or not host:
        raise WebhookUrlRefused(reason="it has to begin with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise WebhookUrlRefused(reason="it must not hold a user name or password")
    if hosts and host not in hosts:
        raise WebhookUrlRefused(reason="its host is not in LECTERN_WEBHOOK_HOSTS")
    _check_literal(host)
    return url


async def reachable(url: str, hosts: frozenset[str]) -> list[str]:
    """The addresses behind `url`, all of them allowed, best first.

    Raises WebhookUrlRefused, ReceiverRefused, and OSError if the name does not resolve.
    """
    parts = urlsplit(checked_url(url, hosts))
    found = await asyncio.get_running_loop().getaddrinfo(
        parts.hostname, _port(parts), type=socket.SOCK_STREAM
    )
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    for address in addresses:
        if refused(ip_address(address)):
            raise ReceiverRefused(address=address)
    return addresses


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


def _check_literal(host: str) -> None:
    """An address in the URL itself needs no resolving; better to refuse it when it is given."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return
    if refused(address):
        raise WebhookUrlRefused(reason=f"{address} is an address that nothing is sent to")
