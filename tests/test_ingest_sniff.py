"""A file is what its bytes say."""

import io
import os
import zipfile

import pytest

from ingest import charset
from ingest.errors import EmptyFile, UnsupportedType
from ingest.sniff import (
    CSV,
    DOCX,
    EML,
    EPUB,
    HEAD,
    HTML,
    MARKDOWN,
    PDF,
    PPTX,
    TEXT,
    TSV,
    XLSX,
    ZIP,
    media_type,
)

CHINESE = "本辦法所稱之員工，係指受僱於本公司之人員。請假應於三日前提出。碁銹裏恒粧嫺"
SIMPLIFIED = "本办法所称的员工，是指受雇于本公司的人员。请假应当在三天之前提出。"


def archive(*names: str, filler: bytes = b"x") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, filler)
    return made.getvalue()


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n  "])
def test_a_pdf_is_told_by_its_signature_whatever_its_name(lead: bytes) -> None:
    assert media_type(lead + b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "notes.txt") == PDF


@pytest.mark.parametrize(("folder", "kind"), [("word", DOCX), ("ppt", PPTX), ("xl", XLSX)])
def test_office_packages_are_told_by_their_parts(folder: str, kind: str) -> None:
    made = archive("[Content_Types].xml", "_rels/.rels", f"{folder}/main.xml")
    assert media_type(made, "anything.zip") == kind


def test_a_word_document_may_begin_with_a_large_part() -> None:
    made = archive("[Content_Types].xml", "docProps/thumbnail.jpeg", "word/document.xml",
                   filler=os.urandom(HEAD))  # fmt: skip
    assert media_type(made[:HEAD], "report.docx") == DOCX
    assert media_type(made[:HEAD], "report.PPTX") == PPTX
    assert media_type(made[:HEAD], "report.xlsm") == XLSX


def test_a_word_document_with_a_password_goes_to_the_parser_that_says_so() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    assert media_type(ole + "EncryptedPackage".encode("utf-16-le"), "a.docx") == DOCX
    with pytest.raises(UnsupportedType):
        media_type(ole + "WordDocument".encode("utf-16-le"), "a.doc")


@pytest.mark.parametrize(
    "head",
    [
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(200),
        b"MZ\x90\x00\x03\x00\x00\x00%PDF-1.4" + bytes(200),
        b"\x7fELF\x02\x01\x01" + bytes(100),
        b"RIFF\x24\x00\x00\x00WAVEfmt \x10" + bytes(50),
        b"{\\rtf1\\ansi hello}",
        b"%!PS-Adobe-3.0\nshowpage",
        bytes(range(256)) * 8,
        b"\x00",
    ],
)
@pytest.mark.parametrize("name", ["report.pdf", "report.docx", "report.txt"])
def test_binaries_are_refused_under_any_name(head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedType):
        media_type(head, name)


def test_random_bytes_are_no_text() -> None:
    for size in (256, 4_096, HEAD):
        with pytest.raises(UnsupportedType):
            media_type(os.urandom(size), "junk.txt")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp950", "gb18030", "ascii"]
)
def test_text_is_text_in_every_encoding_we_read(encoding: str) -> None:
    text = "plain words\n" if encoding == "ascii" else CHINESE
    assert media_type(text.encode(encoding), "notes.txt") == TEXT
    assert media_type("Genuß à la façade\n".encode("cp1252"), "notes.txt") == TEXT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp950", "gb18030"])
@pytest.mark.parametrize("shift", range(4))
def test_a_character_may_be_cut_at_the_end_of_the_head(encoding: str, shift: int) -> None:
    text = ("x" * shift + CHINESE * 2_000).encode(encoding)
    assert media_type(text[:HEAD], "long.txt") == TEXT


def test_the_name_tells_kinds_of_text_apart_and_nothing_else() -> None:
    prose = b"# Title\n\nwords\n"
    assert media_type(prose, "a.md") == media_type(prose, "A.MARKDOWN") == MARKDOWN
    assert media_type(prose, "a.txt") == media_type(prose, "a") == TEXT
    assert media_type(b"<p>words", "a.html") == HTML
    assert media_type(b"a,b", "a.CSV") == CSV
    assert media_type(b"a\tb", "a.tsv") == media_type(b"a\tb", "a.tab") == TSV


def test_other_archives_are_told_apart() -> None:
    assert media_type(archive("readme.txt"), "report.docx") == ZIP
    assert media_type(archive(), "nothing.zip") == ZIP
    assert media_type(archive("META-INF/container.xml", "a.xhtml"), "a") == EPUB
    for name in ("META-INF/MANIFEST.MF", "AndroidManifest.xml"):
        with pytest.raises(UnsupportedType):
            media_type(archive(name, "x.class"), "program.zip")


@pytest.mark.parametrize("kind", [EPUB, "application/vnd.oasis.opendocument.text"])
def test_some_archives_say_what_they_are(kind: str) -> None:
    made = archive("mimetype", "content.xml", filler=kind.encode())
    if kind == EPUB:
        assert media_type(made, "a.zip") == EPUB
    else:
        with pytest.raises(UnsupportedType, match=kind):
            media_type(made, "a.zip")


def test_mails_are_told_by_the_fields_that_programs_write() -> None:
    written = (
        b"Received: by x\r\n\tfrom y\r\nMessage-ID: <1>\r\nSubject: \xb4\xfa\xb8\xd5\r\n\r\nbody"
    )
    assert media_type(written, "a.txt") == EML
    assert media_type(b"From x@y Mon Apr 1\n" + written, "mbox") == EML
    assert media_type(b"MIME-Version: 1.0\nSubject: x\n\nbody", "a.eml") == EML
    assert media_type(b"From: me\nTo: you\nSubject: a memo\n\nbody", "a.txt") == TEXT
    assert media_type(b"Note: this is\nno mail: at all\n", "a.txt") == TEXT


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><html></html>",
        b"\n <!-- made by hand -->\n<HTML lang=zh>",
        b"<?xml version='1.0'?>\n<!doctype html>",
        "\ufeff<html>".encode("utf-16-le"),
    ],
)
def test_html_is_told_by_its_first_tag(head: bytes) -> None:
    assert media_type(head, "page.pdf") == HTML


def test_nothing_is_not_a_file() -> None:
    with pytest.raises(EmptyFile):
        media_type(b"", "a.pdf")


def test_the_refusal_names_what_it_saw() -> None:
    with pytest.raises(UnsupportedType, match="wav"):
        media_type(b"RIFF\x24\x00\x00\x00WAVEfmt \x10" + bytes(50), "a.pdf")


def test_simplified_text_is_not_taken_for_big5() -> None:
    names = charset.strict(lambda: [SIMPLIFIED.encode("gb18030")])
    likely = [n for n in names if charset.likely(SIMPLIFIED.encode("gb18030"), n)]
    assert likely == ["gb18030"]
