"""Sends files to a collection and waits until they are read. Knows what is shown meanwhile."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import Progress, TaskID

from service.cli.client import Client, Record
from service.cli.errors import ApiError, NoSuchFile, NothingToAdd
from service.cli.results import seconds
from service.cli.screen import Screen

#: What a folder is searched for; what a file is, the service tells from its bytes.
KINDS = frozenset(
    ".pdf .docx .docm .pptx .pptm .ppsx .xlsx .xlsm .csv .tsv .tab .epub .eml .zip "
    ".png .jpg .jpeg .tif .tiff .webp .bmp "
    ".txt .text .md .markdown .html .htm .xhtml".split()
)
POLL_S = 0.4
OPEN = frozenset({"queued", "running", "cancelling"})


@dataclass
class Upload:
    """One file on its way. `error` is `None` unless it was refused or could not be read."""

    path: Path
    document: Record | None = None
    job: Record | None = None
    error: Record | None = None

    def public(self) -> Record:
        """For programs."""
        return {
            "path": str(self.path),
            "document": self.document,
            "job": self.job,
            "error": self.error,
        }


def files_under(paths: Sequence[Path], caller: Path) -> list[Path]:
    """Files as named, and in folders everything of a kind that can be read; hidden ones stay out.

    `caller` is the folder that relative paths start from.
    """
    found: list[Path] = []
    for path in (caller / path.expanduser() for path in paths):
        if path.is_dir():
            inside = list(_readable(path))
            if not inside:
                raise NothingToAdd(kinds=", ".join(sorted(KINDS)), path=path)
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise NoSuchFile(path=path)
    return list(dict.fromkeys(found))


def _readable(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _readable(entry)
        elif entry.is_file() and entry.suffix.lower() in KINDS:
            yield entry


def send(
    client: Client,
    screen: Screen,
    collection_id: str,
    paths: Iterable[Path],
    document_id: str | None = None,
) -> list[Upload]:
    """Upload one file per request, so that a bad one does not keep the others out.

    With a document they are its new versions.
    """
    target = f"/v1/collections/{collection_id}/documents"
    if document_id is not None:
        target = f"/v1/documents/{document_id}/versions"
    uploads = [Upload(path) for path in paths]
    with screen.progress() as progress:
        for upload in uploads:
            bar = progress.add_task(
                upload.path.name, total=upload.path.stat().st_size or 1, remark="sending"
            )
            try:
                answer = client.upload(target, upload.path, partial(progress.advance, bar))
                upload.document, upload.job = _taken(answer)
            except ApiError as error:
                upload.error = {"code": error.code, "message": str(error)}
            progress.remove_task(bar)
    return uploads


def _taken(answer: Record) -> tuple[Record, Record | None]:
    """The document and its reading job, of an upload to a collection or of a new version."""
    if "document" in answer:
        return answer["document"], answer["job"]
    return answer["documents"][0], next(iter(answer["jobs"]), None)


def await_read(client: Client, screen: Screen, uploads: Iterable[Upload]) -> None:
    """Wait for the reading jobs; fills in the documents as they are afterwards."""
    waiting = [upload for upload in uploads if upload.job]
    with screen.progress() as progress:
        bars: dict[Path, TaskID] = {}
        while waiting:
            still = []
            for upload in waiting:
                if _look(client, progress, upload, bars):
                    still.append(upload)
                else:
                    _finish(client, upload)
            waiting = still
            if waiting:
                time.sleep(POLL_S)


def _look(client: Client, progress: Progress, upload: Upload, bars: dict[Path, TaskID]) -> bool:
    """Ask how a reading job stands and draw it. Returns whether it is still open."""
    assert upload.job is not None
    upload.job = job = client.get(f"/v1/jobs/{upload.job['id']}")
    if job["status"] not in OPEN:
        if upload.path in bars:
            progress.remove_task(bars.pop(upload.path))
        return False
    if job["status"] != "queued" or len(bars) < 1:
        if upload.path not in bars:
            bars[upload.path] = progress.add_task(upload.path.name, total=100, remark="")
        state = job["progress"] or {}
        remark = (job.get("waiting") or {}).get("message") or state.get("stage", "")
        progress.update(bars[upload.path], completed=state.get("percent", 0), remark=remark)
    return True


def _finish(client: Client, upload: Upload) -> None:
    assert upload.job is not None
    assert upload.document is not None
    if upload.job["status"] == "succeeded":
        upload.document = client.get(f"/v1/documents/{upload.document['id']}")
    else:
        upload.error = upload.job["error"] or {
            "code": upload.job["status"],
            "message": f"the reading job was {upload.job['status']}",
        }


def report(screen: Screen, uploads: Iterable[Upload]) -> None:
    """One line per file: what was read, or why not."""
    for upload in uploads:
        if upload.error:
            code, message = upload.error["code"], upload.error["message"]
            screen.note(f"✗ {upload.path.name}: {message} ({code})", "red")
        elif upload.document:
            screen.line(f"✓ {upload.document['name']}  {_extent(upload)}")
            _report_inside(screen, upload)


def _report_inside(screen: Screen, upload: Upload) -> None:
    """What an archive or a mail brought along; those documents are read after it."""
    inside = ((upload.job or {}).get("result") or {}).get("members", [])
    refused = [member for member in inside if "error" in member]
    if taken := len(inside) - len(refused):
        screen.note(f"  documents from inside: {taken}; they are read next, see lectern jobs")
    for member in refused:
        code, message = member["error"]["code"], member["error"]["message"]
        screen.note(f"  ✗ {member['path']}: {message} ({code})", "red")


def _extent(upload: Upload) -> str:
    document = upload.document or {}
    version = document.get("version") or {}
    parts = [str(document.get("id", ""))]
    if version.get("page_count"):
        count = version["page_count"]
        parts.append(f"{count} page{'s' if count > 1 else ''}")
        parts.append(f"{version.get('character_count') or 0:,} characters")
    if took := seconds(((upload.job or {}).get("result") or {}).get("timings"), "total_ms"):
        parts.append(took)
    if document.get("duplicate"):
        parts.append("already there")
    return " · ".join(parts)
