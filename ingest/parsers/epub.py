"""Books (EPUB 3.3): the chapters in the order of the spine, each beginning a page.

The archive is judged before anything is unpacked; of its XML only the container and the package
are parsed, by a parser that refuses entities. Chapters are read as HTML is. Covers, pictures,
scripts and styles are left out; nothing outside the archive is looked at.
"""

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from ingest.errors import DamagedDocument, EncryptedDocument
from ingest.parsers import html
from ingest.parsers.archive import check_directory, check_entries, damage_named
from ingest.parsers.flow import PAGE_BREAK, PAGE_SIZE, Block, paged
from ingest.parsers.text import decoded
from ingest.spans import Page

_CHAPTER_PAGE = 4 * PAGE_SIZE  # chapters are pages, only the long ones are cut
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset(("application/xhtml+xml", "text/html", "application/x-dtbook+xml"))
_FONTS = ("/font", ".ttf", ".otf", ".woff", ".woff2")


def pages(path: Path, max_pages: int) -> Iterator[Page]:
    """The chapters; those longer than 12,000 characters go on over several pages."""
    with damage_named(), path.open("rb") as file:
        check_directory(file)
        archive = zipfile.ZipFile(file)
        check_entries(archive.infolist())
        yield from paged(_blocks(archive), max_pages, _CHAPTER_PAGE)


def _blocks(archive: zipfile.ZipFile) -> Iterator[Block]:
    _refuse_locked(archive)
    package = _package(archive)
    there = set(archive.namelist())
    for name in _chapters(_parsed(archive, package), posixpath.dirname(package)):
        if name in there:
            yield Block(PAGE_BREAK)
            data = archive.read(name)
            yield from html.blocks(decoded(data, html.declared_encoding(data[:4_096])))


def _package(archive: zipfile.ZipFile) -> str:
    """Where the package document lies (EPUB OCF §4.2.6.3)."""
    for element in _parsed(archive, _CONTAINER).iter():
        if _name(element) == "rootfile" and (place := element.get("full-path")):
            return posixpath.normpath(place)
    raise DamagedDocument


def _chapters(package: Element, folder: str) -> Iterator[str]:
    """Names of the chapters' files, in reading order; what is not part of it comes last."""
    items = {
        item.get("id", ""): posixpath.normpath(
            posixpath.join(folder, unquote(item.get("href", "")))
        )
        for item in package.iter()
        if _name(item) == "item" and item.get("media-type") in _PAGES
    }
    spine = [element for element in package.iter() if _name(element) == "itemref"]
    if not spine:
        raise DamagedDocument
    for element in sorted(spine, key=lambda element: element.get("linear") == "no"):
        if place := items.pop(element.get("idref", ""), None):
            yield place


def _refuse_locked(archive: zipfile.ZipFile) -> None:
    """Obfuscated fonts are common and do no harm; anything else that is encrypted is the text."""
    if _ENCRYPTION not in archive.namelist():
        return
    for element in _parsed(archive, _ENCRYPTION).iter():
        place = element.get("URI", "").lower()
        if _name(element) == "CipherReference" and not any(sign in place for sign in _FONTS):
            raise EncryptedDocument


def _parsed(archive: zipfile.ZipFile, name: str) -> Element:
    root: Element = fromstring(archive.read(name))
    return root


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
