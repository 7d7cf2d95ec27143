"""Mail (RFC 5322, MIME): who wrote to whom, when, about what, and the body.

Of a body in two forms the plain one is read, if there is anything in it. Attachments are named at
the end; they become documents of their own (`ingest.parsers.unpack`). Nothing is loaded from
outside.
"""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

from ingest.errors import DamagedDocument, TooManyMembers
from ingest.names import file_name, one_line
from ingest.parsers import html
from ingest.parsers.flow import Block, clean, paged
from ingest.parsers.text import decoded
from ingest.spans import Page

_SHOWN = ("From", "To", "Cc", "Date")
MOST_PARTS = 2_000
_LONGEST_FIELD = 2_000
_NESTED = "message/rfc822"
#: What the parser of mails in the wild stumbles over.
_STUMBLES = (MessageError, LookupError, AttributeError, TypeError, ValueError, RecursionError)


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The mail as a text: subject, fields, body, names of attachments."""
    mail = opened(path.read_bytes())
    try:
        blocks = list(_blocks(mail))
    except _STUMBLES as error:
        raise DamagedDocument from error
    yield from paged(blocks, max_pages)


def opened(data: bytes) -> EmailMessage:
    """The mail's parts. Raises DamagedDocument, TooManyMembers."""
    try:
        mail = message_from_bytes(data, policy=policy.default)
    except _STUMBLES as error:
        raise DamagedDocument from error
    assert isinstance(mail, EmailMessage)
    if sum(1 for _ in islice(mail.walk(), MOST_PARTS + 1)) > MOST_PARTS:
        raise TooManyMembers(limit=MOST_PARTS)
    return mail


def attachments(mail: EmailMessage) -> Iterator[tuple[str, bytes]]:
    """Name and content of each attachment."""
    for number, part in enumerate(_leaves(mail), 1):
        if _is_attachment(part):
            try:
                content = _content(part)
            except _STUMBLES:
                content = b""
            yield _named(part, number), content


def _blocks(mail: EmailMessage) -> Iterator[Block]:
    subject = _field(mail, "Subject")
    if subject:
        yield Block(f"{subject}\n\n", 1, subject)
    for name in _SHOWN:
        if value := _field(mail, name):
            yield Block(f"{name}: {value}\n")
    yield Block("\n")
    for part in _bodies(mail):
        text = decoded(_content(part), _charset(part))
        if part.get_content_type() == "text/html":
            yield from html.blocks(text)
        else:
            yield from (Block(f"{each}\n\n") for each in clean(text).strip().split("\n\n"))
    names = [name for name, _ in attachments(mail)]
    if names:
        yield Block("Attachments:\n" + "".join(f"- {name}\n" for name in names))


def _bodies(part: EmailMessage) -> list[EmailMessage]:
    """The parts that are the text: of alternatives the plain one, unless it is blank."""
    inner = part.get_payload()
    if part.get_content_type() == _NESTED or not isinstance(inner, list):
        return [part] if _is_text(part) else []
    found = [_bodies(each) for each in inner if isinstance(each, EmailMessage)]
    if part.get_content_type() == "multipart/alternative":
        plain = [each for each in found if each and _says(each, "text/plain")]
        return next(iter(plain), next((each for each in reversed(found) if each), []))
    return [one for each in found for one in each]


def _says(parts: list[EmailMessage], kind: str) -> bool:
    return any(part.get_content_type() == kind and _content(part).strip() for part in parts)


def _is_text(part: EmailMessage) -> bool:
    kind = part.get_content_type() in ("text/plain", "text/html")
    return kind and not part.is_attachment() and not part.get_filename()


def _is_attachment(part: EmailMessage) -> bool:
    """Not the body in another form, and no picture that belongs into it."""
    shown = part.get_content_maintype() == "image" and not part.is_attachment()
    return not _is_text(part) and not (shown and "Content-ID" in part)


def _leaves(mail: EmailMessage) -> Iterator[EmailMessage]:
    """Parts that hold something, a mail inside the mail as one of them."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if part.get_content_type() != _NESTED and isinstance(inner, list):
            waiting += [each for each in reversed(inner) if isinstance(each, EmailMessage)]
        else:
            yield part


def _content(part: EmailMessage) -> bytes:
    if inner := _inner(part):
        return inner.as_bytes()
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _inner(part: EmailMessage) -> EmailMessage | None:
    """The mail that a part is."""
    held = part.get_payload() if part.get_content_type() == _NESTED else None
    first = held[0] if isinstance(held, list) and held else None
    return first if isinstance(first, EmailMessage) else None


def _named(part: EmailMessage, number: int) -> str:
    if given := part.get_filename():
        return file_name(_readable(str(given)))
    if inner := _inner(part):
        return file_name(f"{_field(inner, 'Subject') or 'mail'}.eml".replace("/", "-"))
    return f"part-{number}.{part.get_content_subtype()}"


def _charset(part: EmailMessage) -> str:
    named = str(part.get_content_charset("") or "")
    return html.ENCODINGS.get(named.lower(), named)


def _field(mail: EmailMessage, name: str) -> str:
    """A field as one line, also where it was written without the encoding that mail asks for."""
    wanted = name.lower()
    source = next((str(value) for key, value in mail.raw_items() if key.lower() == wanted), "")
    return one_line(_readable(source[:_LONGEST_FIELD]))


def _readable(source: str) -> str:
    """Encoded words and raw bytes decoded (RFC 2047)."""
    if any("\udc80" <= char <= "\udcff" for char in source):
        return decoded(source.encode("utf-8", "surrogateescape"))
    parts = []
    for data, charset in decode_header(source):
        if isinstance(data, str):
            parts.append(data)
        else:
            named = (charset or "").lower()
            parts.append(decoded(data, html.ENCODINGS.get(named, named)))
    return "".join(parts)
