"""One file over HTTP to disk: begun again where it broke off, never longer than announced.

What came lies under another name until its sum is right.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from workers.models.errors import (
    DownloadBroken,
    DownloadDiffers,
    HubUnreachable,
    ModelFileMissing,
    RepositoryLocked,
)
from workers.models.hub import Remote
from workers.models.ledger import digest
from workers.models.telling import Tell

#: Tries without a byte of progress, and the pause before each but the first.
TRIES, PAUSE_SECONDS = 5, 2.0
TIMEOUT = httpx.Timeout(30.0, connect=15.0)
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
#: As it lies there: a compressed answer has another length than the file.
PLAIN = {"Accept-Encoding": "identity"}


class _Broken(Exception):
    """An answer ended early, or was one that may be better next time."""


def look(url: str) -> Remote:
    """What lies at an address that states no sum. Raises what `fetch` does."""
    with _client() as client:
        try:
            told = client.head(url, headers=PLAIN)
        except httpx.HTTPError as error:
            raise HubUnreachable(host=urlsplit(url).netloc, reason=_words(error)) from error
    _require_granted(told, url)
    size = told.headers.get("Content-Length", "")
    if not told.is_success or not size.isdigit():
        reason = f"it answers {told.status_code}" if told.is_error else "it does not say how long"
        raise HubUnreachable(host=urlsplit(url).netloc, reason=reason)
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return Remote(name, url, int(size), version=told.headers.get("ETag", ""))


def fetch(remote: Remote, target: Path, tell: Tell) -> str:
    """Put a file at `target`; returns its SHA-256.

    Raises DownloadBroken, DownloadDiffers, HubUnreachable, RepositoryLocked or ModelFileMissing.
    """
    doing = f"fetching {target.name}"
    part = target if target.exists() else _part(remote, target)
    with _client() as client:
        left = TRIES
        while (have := _size(part)) < remote.size:
            try:
                _append(client, remote, part, lambda done: tell(doing, done, remote.size))
                continue
            except (httpx.TransportError, _Broken) as error:
                left = TRIES if _size(part) > have else left - 1
                if not left:
                    told = {"file": remote.name, "done": _size(part), "size": remote.size}
                    raise DownloadBroken(**told, reason=_words(error)) from error
            time.sleep(PAUSE_SECONDS)
    return _sealed(remote, part, target, tell)


def _append(client: httpx.Client, remote: Remote, part: Path, hear: Callable[[int], None]) -> None:
    """What is missing, as far as it comes."""
    have = _size(part)
    asked = PLAIN | remote.headers | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", remote.url, headers=asked) as answer:
        _require_granted(answer, remote.url)
        if answer.status_code not in (200, 206):
            raise _Broken(f"it answers {answer.status_code}")
        begins = _begins(answer.headers, answer.status_code, remote)
        if begins not in (0, have):
            raise DownloadDiffers(file=remote.name, reason="it is another part of the file")
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(begins)
            file.seek(begins)
            for block in answer.iter_raw():
                begins += len(block)
                if begins > remote.size:
                    part.unlink()
                    raise DownloadDiffers(file=remote.name, reason="there is more of it")
                file.write(block)
                hear(begins)
        if begins < remote.size:
            raise _Broken("the connection ended")


def _begins(headers: Mapping[str, str], status: int, remote: Remote) -> int:
    """The place of an answer's first byte; raises DownloadDiffers when its length is another."""
    if status == 206:
        found = RANGE.fullmatch(headers.get("Content-Range", ""))
        if found is None or found[2] not in (str(remote.size), "*"):
            raise DownloadDiffers(file=remote.name, reason="its length has changed")
        return int(found[1])
    length = headers.get("Content-Length", str(remote.size))
    if length != str(remote.size):
        said = f"it has {length} bytes instead of {remote.size}"
        raise DownloadDiffers(file=remote.name, reason=said)
    return 0


def _sealed(remote: Remote, part: Path, target: Path, tell: Tell) -> str:
    found = digest(part, lambda done, total: tell(f"checking {target.name}", done, total))
    if _size(part) != remote.size or remote.sha256 not in ("", found):
        part.unlink()
        said = f"its SHA-256 is {found} instead of {remote.sha256 or 'another'}; it was removed"
        raise DownloadDiffers(file=remote.name, reason=said)
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
    return found


def _require_granted(answer: httpx.Response, url: str) -> None:
    host = urlsplit(url).netloc
    if answer.status_code in (401, 403):
        raise RepositoryLocked(repository=url, host=host)
    if answer.status_code in (404, 410):
        raise ModelFileMissing(where=host, wanted=url, there="not that one")


def _part(remote: Remote, target: Path) -> Path:
    """Named for what it is a part of: another version at the same address is begun anew."""
    facts = f"{remote.sha256 or remote.url} {remote.version} {remote.size}"
    return target.with_name(f"{target.name}.{hashlib.sha256(facts.encode()).hexdigest()[:12]}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _client() -> httpx.Client:
    return httpx.Client(follow_redirects=True, timeout=TIMEOUT)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
