"""The mailboxes that may be read, as the operator names them. Opens none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ingest.errors import Refused

PORTS = {"imaps": 993, "imap": 143}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
INBOX = "INBOX"


class MailboxUnknown(Refused):
    """No mailbox is called “{name}” here; LECTERN_MAILBOXES names those that may be read."""

    code = "unknown_mailbox"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a mailbox is and who may open it."""

    name: str  #: what schedules call it
    host: str
    port: int
    tls: bool  #: from the first byte; otherwise STARTTLS, but for this very machine
    user: str
    password: str = field(repr=False)
    folder: str

    @property
    def here(self) -> bool:
        """Whether nothing leaves this machine."""
        return self.host in LOOPBACK


def addresses(text: str) -> tuple[Address, ...]:
    """`name=imaps://user:password@host/folder`, several with spaces; percent signs as in URLs.

    Raises ValueError, which does not repeat a password.
    """
    return tuple(_address(word) for word in text.split())


def _address(word: str) -> Address:
    name, _, url = word.partition("=")
    try:
        told = urlsplit(url)
        port = told.port or PORTS[told.scheme]
        if not (name and told.hostname and told.username and told.password):
            raise ValueError
    except (KeyError, ValueError):
        raise ValueError(
            f"the mailbox “{name}” is not NAME=imaps://USER:PASSWORD@HOST/FOLDER"
        ) from None
    return Address(
        name=name,
        host=told.hostname,
        port=port,
        tls=told.scheme == "imaps",
        user=unquote(told.username),
        password=unquote(told.password),
        folder=unquote(told.path.strip("/")) or INBOX,
    )


def known(name: str, allowed: Sequence[Address]) -> Address:
    """The mailbox of that name. Raises MailboxUnknown."""
    for address in allowed:
        if address.name == name:
            return address
    raise MailboxUnknown(name=name)
