"""Files on their way in and out, the hostile ones first."""

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import func, select
from test_service_app import problem

import service.settings
from ingest import blobs, library
from ingest.blobs import Intake
from ingest.database import reading, writing
from ingest.errors import StorageFull
from ingest.records import Original
from ingest.tables import DocumentRow, DocumentStatus, PageRow, VersionRow
from service import uploads

TEXT = b"The committee met on Monday.\n"


@pytest.fixture
def path(client: TestClient) -> str:
    """Where documents of a new collection go."""
    made = client.post("/v1/collections", json={"name": "Minutes"}).json()
    return f"/v1/collections/{made['id']}/documents"


def multipart(*parts: tuple[str, bytes], boundary: str = "xyz") -> tuple[bytes, dict[str, str]]:
    """A body whose parts have exactly these header lines."""
    body = b"".join(
        f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return body + f"--{boundary}--\r\n".encode(), headers


def disposition(name: str) -> str:
    return f'Content-Disposition: form-data; name="files"; filename="{name}"'


def upload(client: TestClient, path: str, **files: bytes) -> Any:
    named = [("files", (name.replace("_", "."), data)) for name, data in files.items()]
    return client.post(path, files=named)


def left_behind(folder: Path) -> list[Path]:
    return [found for found in (folder / "blobs").rglob("*") if found.is_file()]


def documents() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(DocumentRow)) or 0


def set_status(document_id: str, status: DocumentStatus) -> None:
    with writing() as session:
        session.get_one(DocumentRow, document_id).status = status


def test_files_come_in_and_a_job_reads_each(client: TestClient, path: str) -> None:
    answer = upload(client, path, a_txt=TEXT, b_md=b"# Title\n")
    assert answer.status_code == 202
    first, second = answer.json()["documents"]
    assert (first["name"], first["media_type"], first["status"]) == (
        "a.txt",
        "text/plain",
        "waiting",
    )
    assert (second["media_type"], second["duplicate"]) == ("text/markdown", False)
    assert first["version"]["size"] == len(TEXT)
    jobs = answer.json()["jobs"]
    assert [job["document_id"] for job in jobs] == [first["id"], second["id"]]
    assert {(job["kind"], job["status"], job["lane"]) for job in jobs} == {
        ("read", "queued", "batch")
    }
    assert client.get(f"/v1/documents/{first['id']}").json() == {
        key: value for key, value in first.items() if key != "duplicate"
    }
    assert len(client.get(path).json()["documents"]) == 2


def test_the_original_comes_back_as_it_was_to_be_saved(client: TestClient, path: str) -> None:
    name = "年報 “final”; x=1.txt"
    body, headers = multipart((disposition(name), TEXT))
    document = client.post(path, content=body, headers=headers).json()["documents"][0]
    assert document["name"] == name
    answer = client.get(f"/v1/documents/{document['id']}/content")
    assert answer.content == TEXT
    assert answer.headers["content-disposition"].startswith(
        "attachment; filename*=UTF-8''%E5%B9%B4"
    )
    assert "%3B%20x%3D1.txt" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    ranges = "bytes=" + ",".join("0-1" for _ in range(10_000))
    ranged = client.get(f"/v1/documents/{document['id']}/content", headers={"Range": ranges})
    assert (ranged.status_code, ranged.content) == (200, TEXT)


def test_a_lost_original_is_named(client: TestClient, path: str) -> None:
    document = upload(client, path, a_txt=TEXT).json()["documents"][0]
    blobs.delete(hashlib.sha256(TEXT).hexdigest())
    answer = client.get(f"/v1/documents/{document['id']}/content")
    assert problem(answer) == (404, "content_missing")


def test_the_same_bytes_are_read_once(client: TestClient, path: str) -> None:
    first = upload(client, path, a_txt=TEXT).json()
    again = upload(client, path, other_txt=TEXT, new_txt=TEXT + TEXT).json()
    assert [document["duplicate"] for document in again["documents"]] == [True, False]
    assert again["documents"][0]["id"] == first["documents"][0]["id"]
    assert again["jobs"][0]["id"] == first["jobs"][0]["id"]


def test_the_same_bytes_twice_in_one_upload_are_one_document(client: TestClient, path: str) -> None:
    answer = upload(client, path, a_txt=TEXT, b_txt=TEXT).json()
    assert [document["duplicate"] for document in answer["documents"]] == [False, True]
    assert len({document["id"] for document in answer["documents"]}) == len(answer["jobs"]) == 1


def test_fifty_uploads_of_one_file_at_once_are_one_document(client: TestClient, path: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: upload(client, path, a_txt=TEXT).json(), range(50)))
    assert len({answer["documents"][0]["id"] for answer in answers}) == 1
    assert sum(not answer["documents"][0]["duplicate"] for answer in answers) == 1
    assert documents() == 1


def test_a_failed_document_is_read_again(client: TestClient, path: str) -> None:
    first = upload(client, path, a_txt=TEXT).json()
    with writing() as session:
        library.forget_content(session, first["documents"][0]["id"], "damaged_document", "bad")
    again = upload(client, path, a_txt=TEXT).json()
    assert again["documents"][0]["status"] == "waiting"
    assert again["documents"][0]["duplicate"] is False
    assert again["jobs"][0]["id"] != first["jobs"][0]["id"]


def test_a_document_that_nobody_was_asked_to_read_is_read(client: TestClient, path: str) -> None:
    """As after a crash between the two transactions."""
    intake = Intake()
    intake.write(TEXT)
    with writing() as session:
        original = Original("a.txt", "text/plain", intake.sha256, intake.size)
        library.add(session, path.split("/")[3], original)
        intake.commit()
    answer = upload(client, path, a_txt=TEXT).json()
    assert answer["documents"][0]["duplicate"] is True
    assert answer["jobs"][0]["kind"] == "read"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\\\..\\\\x.txt", "x.txt"),
        ("%2e%2e%2fx.txt", "%2e%2e%2fx.txt"),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("", "unnamed"),
        ("x" * 3_000 + ".txt", "x" * 251 + ".txt"),
    ],
)
def test_names_are_for_display_only(
    client: TestClient, path: str, data_folder: Path, given: str, shown: str
) -> None:
    body, headers = multipart((disposition(given), TEXT))
    answer = client.post(path, content=body, headers=headers)
    assert answer.json()["documents"][0]["name"] == shown
    assert [found.name for found in left_behind(data_folder)] == [hashlib.sha256(TEXT).hexdigest()]


def test_a_second_name_in_the_header_changes_nothing(client: TestClient, path: str) -> None:
    smuggled = disposition("a.txt") + "; filename*=UTF-8''..%2Fevil.exe"
    body, headers = multipart((smuggled, TEXT))
    answer = client.post(path, content=body, headers=headers)
    assert answer.json()["documents"][0]["name"] == "a.txt"


EXE = b"MZ\x90\x00" + bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], (422, "no_files")),
        ([(disposition("a.txt"), b"")], (422, "empty_file")),
        ([(disposition("a.pdf"), EXE)], (415, "unsupported_type")),
        ([(disposition("a.txt"), TEXT), (disposition("b.pdf"), EXE)], (415, "unsupported_type")),
        ([(disposition("a.txt"), TEXT), (disposition("b.txt"), b"")], (422, "empty_file")),
        ([(disposition("a.txt"), b"x" * (1024 * 1024 + 1))], (413, "file_too_large")),
        ([(disposition(f"{n}.txt"), TEXT) for n in range(6)], (422, "too_many_files")),
        ([(disposition("a"), TEXT)] * 5_000, (422, "too_many_files")),
        ([(disposition("a").replace("files", "other"), TEXT)], (400, "malformed_upload")),
        ([('Content-Disposition: form-data; name="files"', TEXT)], (400, "malformed_upload")),
        ([("X-Nothing: here", TEXT)], (400, "malformed_upload")),
        ([("\r\n".join(f"X-{n}: y" for n in range(100)), TEXT)], (400, "malformed_upload")),
        ([(disposition("a" * 100_000), TEXT)], (400, "malformed_upload")),
    ],
)  # fmt: skip
def test_all_files_are_kept_or_none(
    client: TestClient,
    path: str,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: list[tuple[str, bytes]],
    expected: tuple[int, str],
) -> None:
    monkeypatch.setenv("LECTERN_UPLOAD_MB", "1")
    monkeypatch.setenv("LECTERN_UPLOAD_FILES", "5")
    service.settings.settings.cache_clear()
    body, headers = multipart(*parts)
    assert problem(client.post(path, content=body, headers=headers)) == expected
    assert left_behind(data_folder) == []
    assert documents() == 0


WHOLE, HEADERS = multipart((disposition("a.txt"), TEXT))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (WHOLE[:-10], HEADERS),
        (b"", HEADERS),
        (b"junk" + WHOLE, HEADERS),
        (b"\r\n" * 2_000_000 + WHOLE, HEADERS),
        (WHOLE + b"x" * 2_000_000, HEADERS),
        (WHOLE, {"Content-Type": "multipart/form-data"}),
        (WHOLE, {"Content-Type": "application/json"}),
        (WHOLE, {"Content-Type": f"multipart/form-data; boundary={'x' * 1_000}"}),
        (WHOLE, {}),
    ],
)
def test_malformed_uploads_leave_nothing(
    client: TestClient, path: str, data_folder: Path, body: bytes, headers: dict[str, str]
) -> None:
    answer = client.post(path, content=body, headers=headers)
    assert problem(answer) == (400, "malformed_upload")
    assert left_behind(data_folder) == []


def test_a_file_without_end_is_refused_while_it_comes(
    client: TestClient, path: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LECTERN_UPLOAD_MB", "1")
    service.settings.settings.cache_clear()
    monkeypatch.setattr(uploads, "LINGER_SECONDS", 0.05)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield WHOLE[: WHOLE.index(TEXT)]
        while sent < 300:
            sent += 1
            yield b"x" * 1024 * 1024

    assert problem(client.post(path, content=endless(), headers=HEADERS)) == (413, "file_too_large")
    assert left_behind(data_folder) == []


def test_a_full_disk_is_told(
    client: TestClient, path: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_intake: Intake) -> None:
        raise StorageFull

    monkeypatch.setattr(Intake, "seal", full)
    assert problem(upload(client, path, a_txt=TEXT)) == (507, "storage_full")
    assert left_behind(data_folder) == []


def test_nothing_is_read_for_a_collection_that_is_not_there(client: TestClient) -> None:
    answer = upload(client, "/v1/collections/none/documents", a_txt=TEXT)
    assert problem(answer) == (404, "collection_not_found")


def test_a_deleted_document_is_gone_at_once(client: TestClient, path: str) -> None:
    document = upload(client, path, a_txt=TEXT).json()["documents"][0]
    where = f"/v1/documents/{document['id']}"
    answer = client.delete(where)
    assert (answer.status_code, answer.json()["job"]["kind"]) == (202, "delete")
    for gone in (where, f"{where}/content", f"{where}/pages/1", f"{where}/pages/1/image"):
        assert problem(client.get(gone)) == (404, "document_not_found")
    assert problem(client.delete(where)) == (404, "document_not_found")
    assert client.get(path).json() == {"documents": []}


def test_a_deleted_collection_is_gone_at_once(client: TestClient, path: str) -> None:
    collection = path.removesuffix("/documents")
    assert client.delete(collection).status_code == 202
    assert problem(client.get(collection)) == (404, "collection_not_found")
    assert problem(client.get(path)) == (404, "collection_not_found")
    assert client.post("/v1/collections", json={"name": "Minutes"}).status_code == 201


def test_collections_are_made_listed_and_named_once(client: TestClient, path: str) -> None:
    upload(client, path, a_txt=TEXT)
    taken = client.post("/v1/collections", json={"name": " Minutes "})
    assert problem(taken) == (409, "collection_name_taken")
    empty = client.post("/v1/collections", json={"name": " "})
    assert problem(empty) == (422, "collection_name_unusable")
    listed = client.get("/v1/collections").json()["collections"]
    assert [(one["name"], one["documents"]) for one in listed] == [("Minutes", 1)]
    assert client.get(f"/v1/collections/{listed[0]['id']}").json() == listed[0]


def pdf() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(200, 100))
    canvas.drawString(20, 50, "Budget")
    canvas.save()
    return file.getvalue()


def put_page(document: dict[str, Any], text: str, layout: dict[str, Any] | None = None) -> None:
    version_id = document["version"]["id"]
    with writing() as session:
        session.get_one(VersionRow, version_id).page_count = 1
        session.add(PageRow(version_id=version_id, number=1, text=text, layout=layout))
    set_status(document["id"], DocumentStatus.READY)


def test_pages_show_text_picture_and_boxes(client: TestClient, path: str) -> None:
    document = upload(client, path, a_pdf=pdf()).json()["documents"][0]
    put_page(document, "Budget")
    page = f"/v1/documents/{document['id']}/pages/1"
    assert client.get(page).json() == {
        "document_id": document["id"],
        "version_id": document["version"]["id"],
        "page": 1,
        "page_count": 1,
        "text": "Budget",
        "ocr": False,
    }
    image = client.get(f"{page}/image?width=400")
    assert image.headers["content-type"] == "image/png"
    assert image.content.startswith(b"\x89PNG")
    boxes = client.get(f"{page}/boxes?char_start=0&char_end=6").json()
    assert (boxes["width"], boxes["height"], len(boxes["boxes"])) == (200, 100, 1)
    for missing in (f"/v1/documents/{document['id']}/pages/2", f"{page}?version_id=ver_none"):
        assert problem(client.get(missing)) == (404, "page_not_found")
    for hostile in ("0", "-1", "9" * 30, "x"):
        answer = client.get(f"/v1/documents/{document['id']}/pages/{hostile}")
        assert problem(answer) == (422, "invalid_request")


def test_words_that_ocr_read_are_boxed_as_it_saw_them(client: TestClient, path: str) -> None:
    drawn = io.BytesIO()
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (200, 100), "white").save(drawn, "PNG")
    document = upload(client, path, a_png=drawn.getvalue()).json()["documents"][0]
    assert document["media_type"] == "image/png"
    layout = {"width": 200.0, "height": 100.0, "lines": [[0, 10, 20, 30, 120, 40]]}
    put_page(document, "0123456789", layout)
    page = f"/v1/documents/{document['id']}/pages/1"
    assert client.get(page).json()["ocr"] is True
    boxes = client.get(f"{page}/boxes?char_start=5&char_end=7").json()
    assert boxes == {"width": 200.0, "height": 100.0, "boxes": [[70.0, 30.0, 90.0, 40.0]]}
    shown = client.get(f"{page}/image?width=100")
    assert int.from_bytes(shown.content[16:20], "big") == 100


def test_other_documents_have_no_pictures(client: TestClient, path: str) -> None:
    document = upload(client, path, a_txt=TEXT).json()["documents"][0]
    put_page(document, TEXT.decode())
    page = f"/v1/documents/{document['id']}/pages/1"
    assert problem(client.get(f"{page}/image")) == (422, "no_page_image")
    assert problem(client.get(f"{page}/boxes?char_start=0&char_end=1")) == (422, "no_page_image")
