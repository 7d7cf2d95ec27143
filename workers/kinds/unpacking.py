"""The unpack step: what an archive or a mail holds becomes documents, each with its own reading.

Only what somebody put in is unpacked, with all that is inside of what is inside: a document that
came out of another one brings none of its own, so one set of bounds holds for all of it. May run
again: the library knows content that it has already.
"""

from contextlib import closing
from dataclasses import replace
from typing import Any

from ingest import blobs, library, sandbox
from ingest.blobs import Intake
from ingest.database import reading
from ingest.errors import DocumentNotFound, LecternError, Refused
from ingest.records import Original
from ingest.sandbox import Member
from ingest.sniff import media_type
from ingest.tables import DocumentRow, VersionRow
from workers import submit
from workers.settings import settings
from workers.wishes import Wish
from workers.work import Output, Progress, Work


def unpack(work: Work) -> Output:
    """Every file inside: the document it became, or why it became none."""
    with reading() as session:
        document = session.get_one(DocumentRow, work.job.document_id)
        version = session.get_one(VersionRow, work.step.input["version_id"])
        kind, sha256 = document.media_type, version.sha256
    limits = replace(sandbox.Limits.from_settings(), max_bytes=settings().upload_mb << 20)
    found: list[dict[str, Any]] = []
    with (
        blobs.local_path(sha256) as path,
        closing(sandbox.members(path, kind, limits, work.cancelled)) as members,
    ):
        for member in members:
            found.append({"path": member.path, **_taken(work, member)})
            work.tell("progress", Progress(0, 1, f"file {len(found)}").public())
    return Output({"members": found})


def _taken(work: Work, member: Member) -> dict[str, Any]:
    if member.intake is None:
        return _fault(member.error or Refused())
    try:
        return _kept(work, member.path, member.intake)
    except Refused as error:
        return _fault(error)
    finally:
        member.intake.discard()


def _kept(work: Work, path: str, intake: Intake) -> dict[str, Any]:
    original = Original(path, media_type(intake.head, path), intake.sha256, intake.size)
    with work.write() as session:
        document, duplicate = library.add(session, str(work.job.collection_id), original)
        intake.commit()
    try:
        submit.read_new(document, duplicate, Wish(owner=work.job.owner), inside=True)
    except DocumentNotFound as error:  # deleted a moment ago
        return _fault(error)
    return {"document_id": document.id, "duplicate": duplicate}


def _fault(error: LecternError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": str(error)}}
