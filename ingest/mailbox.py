"""Messages of a mailbox, read over IMAP (RFC 9051, and RFC 3501 for servers that know no other).

The folder is opened read-only and bodies are peeked at: nothing is marked as read, moved or
deleted. Passwords travel inside TLS, or to this very machine.
"""

import base64
import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.parser import BytesHeaderParser
from types import TracebackType
from typing import Any, Self, TypeVar

from ingest.errors import FileTooLarge, Unavailable
from ingest.mailboxes import Address
from ingest.names import file_name

PATIENCE_SECONDS = 30.0
T = TypeVar("T")
SIZE, BODY = re.compile(rb"RFC822\.SIZE (\d+)"), b"BODY[]"


class MailboxUnavailable(Unavailable):
    """The mailbox “{name}” can't be read: {reason}."""

    code = "mailbox_unavailable"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that lies there. Numbers are never given twice while `validity` is the same."""

    validity: int
    number: int


class Mailbox:
    """An open folder. Every method raises MailboxUnavailable when the server does not do its part.

    To be used in a `with`.
    """

    def __init__(self, address: Address) -> None:
        """Connect, log in and look."""
        self._address = address
        self._link = self._asked(self._connected)
        try:
            self._validity = self._asked(self._opened)
        except MailboxUnavailable:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say good-bye, if anybody listens."""
        with suppress(imaplib.IMAP4.error, OSError):
            self._link.logout()

    def letters(self) -> Iterator[Letter]:
        """What lies there and was not marked as deleted, oldest first."""
        found = self._asked(lambda: _good(self._link.uid("SEARCH", "UNDELETED")))
        for number in sorted(int(word) for line in found if line for word in line.split()):
            yield Letter(self._validity, number)

    def fetch(self, letter: Letter, limit: int) -> bytes | None:
        """The message as it came; None if it is gone. Raises FileTooLarge beyond `limit` bytes."""
        told = self._asked(lambda: self._fetched(letter, "(RFC822.SIZE)"))
        size = SIZE.search(b" ".join(_lines(told)))
        if size is None:
            return None
        if int(size[1]) > limit:
            raise FileTooLarge(limit_mb=f"{limit / (1 << 20):g}")
        told = self._asked(lambda: self._fetched(letter, "(BODY.PEEK[])"))
        return next((part[1] for part in told if isinstance(part, tuple) and BODY in part[0]), None)

    def _fetched(self, letter: Letter, what: str) -> list[Any]:
        return _good(self._link.uid("FETCH", str(letter.number), what))

    def _connected(self) -> imaplib.IMAP4:
        address, context = self._address, ssl.create_default_context()
        if address.tls:
            return imaplib.IMAP4_SSL(
                address.host, address.port, ssl_context=context, timeout=PATIENCE_SECONDS
            )
        link = imaplib.IMAP4(address.host, address.port, timeout=PATIENCE_SECONDS)
        if not address.here:
            link.starttls(context)
        return link

    def _opened(self) -> int:
        """The folder's validity: another one means that all numbers were given anew."""
        _good(self._link.login(self._address.user, self._address.password))
        _good(self._link.select(f'"{encoded(self._address.folder)}"', readonly=True))
        _, told = self._link.response("UIDVALIDITY")
        return int(told[0] or 0)

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except (imaplib.IMAP4.error, OSError, ValueError, TypeError, IndexError) as error:
            reason = _words(error).replace(self._address.password, "…").rstrip(".")
            raise MailboxUnavailable(name=self._address.name, reason=reason) from error


def subject(raw: bytes) -> str:
    """What to call a message: its subject, as a file's name."""
    told = BytesHeaderParser(policy=policy.default).parsebytes(raw).get("Subject", "")
    return file_name(str(told).replace("/", "-").replace("\\", "-") + ".eml")


def encoded(folder: str) -> str:
    """A folder's name in IMAP's own UTF-7, quoted (RFC 3501, section 5.1.3)."""
    said: list[str] = []
    for part in re.findall(r"[ -~]+|[^ -~]+", folder):
        if " " <= part[0] <= "~":
            said.append(part.replace("&", "&-"))
        else:
            packed = base64.b64encode(part.encode("utf-16-be")).decode().rstrip("=")
            said.append(f"&{packed.replace('/', ',')}-")
    return "".join(said).replace("\\", "\\\\").replace('"', '\\"')


def _good(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, told = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(b" ".join(_lines(told)).decode("utf-8", "replace"))
    return told


def _words(error: Exception) -> str:
    """What the server said, or what went wrong here."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error) or repr(error)


def _lines(told: Sequence[Any]) -> list[bytes]:
    return [part[0] if isinstance(part, tuple) else part for part in told if part]
