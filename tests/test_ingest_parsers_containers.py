"""Books, mails and archives through the sandbox: their text, and the files inside them."""

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest import sandbox
from ingest.errors import (
    ArchiveBomb,
    DamagedDocument,
    EmptyDocument,
    EncryptedDocument,
    LecternError,
    TooManyMembers,
)
from ingest.sandbox import Limits
from ingest.sniff import EML, EPUB, ZIP
from ingest.spans import Page

pytestmark = pytest.mark.usefixtures("data_folder")
LIMITS = Limits(60, 2_048, 500, 5_000_000, max_bytes=1 << 20)
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)


def read(data: bytes, folder: Path, media_type: str) -> list[Page]:
    path = folder / "document"
    path.write_bytes(data)
    return list(sandbox.pages(path, media_type, LIMITS))


def inside(data: bytes, folder: Path, media_type: str) -> dict[str, bytes | str]:
    """The files that come out, and the codes of those that do not."""
    path = folder / "document"
    path.write_bytes(data)
    found: dict[str, bytes | str] = {}
    for member in sandbox.members(path, media_type, LIMITS):
        if member.intake is None:
            assert member.error
            found[member.path] = member.error.code
        else:
            found[member.path] = member.intake._temporary.read_bytes()
            member.intake.discard()
    return found


def archive(*files: tuple[str | zipfile.ZipInfo, bytes | str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files:
            target.writestr(name, content)
    return made.getvalue()


# EPUB


def book(spine: str, *chapters: tuple[str, str], **more: str) -> bytes:
    items = "".join(
        f'<item id="{name[0]}" href="text/{name}" media-type="application/xhtml+xml"/>'
        for name, _ in chapters
    )
    refs = "".join(f'<itemref idref="{each}"/>' for each in spine)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f"<manifest>{items}</manifest><spine>{refs}</spine></package>"
    )
    return archive(
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", more.get("container", CONTAINER)),
        ("OEBPS/book.opf", more.get("package", package)),
        *((f"OEBPS/text/{name}", body) for name, body in chapters),
        *((name, text) for name, text in more.items() if "/" in name),
    )


def test_chapters_come_in_the_order_of_the_spine(tmp_path: Path) -> None:
    doctype = '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
    made = book(
        "ba",
        ("a.xhtml", f"{doctype}<html><head><title>x</title></head><body><h1>Later</h1>end</body>"),
        ("b.xhtml", f"{doctype}<html><body><h1>第一章</h1><p>開始</p></body></html>"),
        ("c.xhtml", "<html><body>not in the spine</body></html>"),
    )
    one, two = read(made, tmp_path, EPUB)
    assert (one.text, two.text) == ("第一章\n\n開始\n\n", "Later\n\nend\n\n")
    assert [heading.title for heading in (*one.headings, *two.headings)] == ["第一章", "Later"]


def test_a_long_chapter_goes_on_over_several_pages(tmp_path: Path) -> None:
    body = "".join(f"<p>{'word ' * 100}</p>" for _ in range(60))
    made = read(book("a", ("a.xhtml", body)), tmp_path, EPUB)
    assert [len(page.text) > 10_000 for page in made] == [True, True, False]


ENTITY = "<!DOCTYPE x [<!ENTITY e 'y'>]><package>&e;</package>"
LOCKED = (
    '<encryption><EncryptedData><CipherData><CipherReference URI="{}"/></CipherData>'
    "</EncryptedData></encryption>"
)


def test_a_locked_book_says_so_and_a_locked_font_does_not_matter(tmp_path: Path) -> None:
    chapter = ("a.xhtml", "<p>words</p>")
    locked = {"META-INF/encryption.xml": LOCKED.format("OEBPS/text/a.xhtml")}
    with pytest.raises(EncryptedDocument):
        read(book("a", chapter, **locked), tmp_path, EPUB)
    font = {"META-INF/encryption.xml": LOCKED.format("OEBPS/fonts/x.otf")}
    assert len(read(book("a", chapter, **font), tmp_path, EPUB)) == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (book(""), DamagedDocument),
        (book("a", ("a.xhtml", "<p></p>")), EmptyDocument),
        (book("x", ("a.xhtml", "<p>not reached</p>")), EmptyDocument),
        (book("a", ("a.xhtml", "x"), container="<container>"), DamagedDocument),
        (book("a", ("a.xhtml", "x"), package=ENTITY), DamagedDocument),
        (book("a", ("a.xhtml", "x"), container=CONTAINER.replace("OEBPS", "../..")),
         DamagedDocument),
        (book("a", ("a.xhtml", b"\0" * (30 << 20))), ArchiveBomb),
        (book("a", ("a.xhtml", "x"))[:-30], DamagedDocument),
    ],
)  # fmt: skip
def test_books_that_cannot_be_read(tmp_path: Path, data: bytes, error: type[LecternError]) -> None:
    with pytest.raises(error):
        read(data, tmp_path, EPUB)


# EML


def mail(subject: str = "報價單 quote", body: str = "plain 內容\n\nsecond") -> EmailMessage:
    made = EmailMessage()
    made["From"] = "王小明 <wang@example.com>"
    made["To"] = "lee@example.com"
    made["Date"] = "Mon, 01 Apr 2024 10:00:00 +0800"
    made["Message-ID"] = "<1@example.com>"
    made["Subject"] = subject
    made.set_content(body)
    return made


def test_a_mail_tells_who_what_and_its_body(tmp_path: Path) -> None:
    made = mail()
    made.add_alternative("<p>html body</p>", subtype="html")
    made.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="報價.csv")
    (page,) = read(made.as_bytes(), tmp_path, EML)
    assert page.text.split("\n") == [
        "報價單 quote", "", "From: 王小明 <wang@example.com>", "To: lee@example.com",
        "Date: Mon, 01 Apr 2024 10:00:00 +0800", "", "plain 內容", "", "second", "",
        "Attachments:", "- 報價.csv", "",
    ]  # fmt: skip
    assert [heading.title for heading in page.headings] == ["報價單 quote"]


def test_where_the_plain_body_is_blank_the_other_one_is_read(tmp_path: Path) -> None:
    made = mail(body=" ")
    made.add_alternative("<h1>Hello</h1><script>no()</script><p>html body</p>", subtype="html")
    (page,) = read(made.as_bytes(), tmp_path, EML)
    assert page.text.endswith("Hello\n\nhtml body\n\n")
    assert inside(made.as_bytes(), tmp_path, EML) == {}


@pytest.mark.parametrize("charset", ["big5", "utf-8", "gb2312", "wrong"])
def test_mails_of_older_programs_have_bare_bytes(tmp_path: Path, charset: str) -> None:
    encoding = {"big5": "cp950", "gb2312": "gb18030"}.get(charset, "utf-8")
    text = "會議改到星期三" if charset != "gb2312" else "会议改到星期三"
    raw = (
        f"Received: by here\r\nFrom: {text}\r\nSubject: {text}\r\n"
        f"Content-Type: text/plain; charset={charset}\r\n\r\n{text}，請準時參加。\r\n"
    ).encode(encoding)
    (page,) = read(raw, tmp_path, EML)
    assert page.text.startswith(f"{text}\n\nFrom: {text}\n\n{text}")


def test_japanese_mail_is_no_ascii(tmp_path: Path) -> None:
    raw = b"Subject: x\nContent-Type: text/plain; charset=iso-2022-jp\n\n"
    (page,) = read(raw + "会議は水曜日です".encode("iso-2022-jp"), tmp_path, EML)
    assert "会議は水曜日です" in page.text


def test_attachments_come_out_pictures_of_the_body_do_not(tmp_path: Path) -> None:
    made = mail()
    made.add_attachment(b"notes", maintype="text", subtype="plain", filename="../../notes.txt")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", cid="<logo>",
                        disposition="inline")  # fmt: skip
    made.add_attachment(mail("older"))
    found = inside(made.as_bytes(), tmp_path, EML)
    assert list(found) == ["notes.txt", "older.eml"]
    assert found["notes.txt"] == b"notes"


def test_a_mail_of_absurd_depth_is_damaged(tmp_path: Path) -> None:
    head = b"Subject: deep\nMIME-Version: 1.0\n"
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)
    )
    try:
        made = read(head + nested + b"\ntext", tmp_path, EML)
    except DamagedDocument:
        return
    assert made[0].text.startswith("deep")


def test_a_mail_of_absurdly_many_parts_is_refused(tmp_path: Path) -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\n\n"
    with pytest.raises(TooManyMembers):
        read(head + b"--b\nContent-Disposition: attachment\n\nx\n" * 3_000, tmp_path, EML)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain; charset=zlib",
        b"Content-Type: text/plain; charset=\xff\xfe",
        b"Content-Transfer-Encoding: base64\nContent-Type: text/plain",
        b"Content-Type: multipart/mixed",
        b"Content-Type: message/rfc822",
        b"Content-Type: multipart/mixed; boundary=\"",
        b"Subject: =?utf-8?B?!!!?= =?unknown?Q?x?=",
    ],
)  # fmt: skip
def test_odd_mails_are_text_all_the_same(tmp_path: Path, head: bytes) -> None:
    raw = b"Subject: kept\nMIME-Version: 1.0\nFrom: a\n" + head + b"\n\nbody ~~ text\n"
    (page,) = read(raw, tmp_path, EML)
    assert page.text.startswith("kept")


# ZIP


def test_an_archive_lists_and_yields_what_it_holds(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    letter = mail()
    letter.add_attachment(b"notes", maintype="text", subtype="plain", filename="notes.txt")
    made = archive(
        ("a/readme.md", "# hi"),
        ("inner.zip", archive(("deep.txt", "words"))),
        ("mail.eml", letter.as_bytes()),
        ("../../etc/passwd.txt", "root"),
        ("C:\\temp\\x.txt", "windows"),
        (link, "/etc/passwd"),
        ("empty.txt", ""),
        ("program.exe", b"MZ\0\1" * 50),
        ("__MACOSX/._a", "litter"),
        (".DS_Store", "litter"),
    )
    found = inside(made, tmp_path, ZIP)
    assert found == {
        "a/readme.md": b"# hi",
        "inner.zip/deep.txt": b"words",
        "mail.eml": letter.as_bytes(),
        "mail.eml/notes.txt": b"notes",
        "etc/passwd.txt": b"root",
        "C:/temp/x.txt": b"windows",
        "empty.txt": "empty_file",
        "program.exe": "unsupported_type",
    }
    (page,) = read(made, tmp_path, ZIP)
    assert page.text == "".join(f"- {name}\n" for name in found)


def test_names_of_older_programs_are_in_the_systems_encoding(tmp_path: Path) -> None:
    raw = archive(("xx.txt", "words")).replace(b"xx.txt", "檔.txt".encode("cp950"))
    made = archive(("檔案.txt", "words"))
    assert list(inside(made, tmp_path, ZIP)) == ["檔案.txt"]
    assert list(inside(raw, tmp_path, ZIP)) == ["檔.txt"]


def test_a_large_file_comes_out_in_slices_and_a_larger_one_stays(tmp_path: Path) -> None:
    limits = Limits(60, 2_048, 500, 5_000_000, max_bytes=10 << 20)
    path = tmp_path / "document"
    body = b"".join(b"%d words\n" % number for number in range(800_000))
    assert 8 << 20 < len(body) < 10 << 20
    path.write_bytes(archive(("a.txt", body), ("b.txt", body * 2)))
    one, two = sandbox.members(path, ZIP, limits)
    assert one.intake
    assert one.intake.size == len(body)
    assert two.error
    assert two.error.code == "file_too_large"
    one.intake.discard()


def nested(depth: int) -> bytes:
    made = archive(("bottom.txt", "words"))
    for number in range(depth):
        made = archive((f"{number}.zip", made))
    return made


def test_archives_in_archives_are_opened_to_a_depth(tmp_path: Path) -> None:
    assert inside(nested(2), tmp_path, ZIP) == {"1.zip/0.zip/bottom.txt": b"words"}
    assert inside(nested(4), tmp_path, ZIP) == {"3.zip/2.zip/1.zip": "archive_too_deep"}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (archive(), EmptyDocument),
        (archive((".hidden", "x")), EmptyDocument),
        (archive(*((f"{n}.txt", "x") for n in range(1_001))), TooManyMembers),
        (archive(*((f"{n}.txt", "x") for n in range(10_001))), ArchiveBomb),
        (archive(("zeros.txt", bytes(30 << 20))), ArchiveBomb),
        (archive(("a.zip", archive(("zeros.txt", bytes(30 << 20))))), ArchiveBomb),
        (archive(("a.txt", "x"))[:-10], DamagedDocument),
        (b"PK\x03\x04 and nothing else", DamagedDocument),
    ],
)
def test_archives_that_cannot_be_read(
    tmp_path: Path, data: bytes, error: type[LecternError]
) -> None:
    with pytest.raises(error):
        read(data, tmp_path, ZIP)


def test_locked_and_broken_files_keep_the_others_in(tmp_path: Path) -> None:
    raw = bytearray(
        archive(("locked.txt", "secret"), ("whole.txt", "words"), ("bad.txt", "x" * 99))
    )
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    at = raw.index(b"bad.txt") + len(b"bad.txt")
    raw[at : at + 2] = b"\xff\xff"
    assert inside(bytes(raw), tmp_path, ZIP) == {
        "locked.txt": "encrypted_document",
        "whole.txt": b"words",
        "bad.txt": "damaged_document",
    }
