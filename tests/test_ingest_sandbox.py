"""Whatever a document does to its parser, we go on."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docx
import psutil
import pytest
from reportlab.pdfgen.canvas import Canvas

from ingest import child, sandbox
from ingest.errors import (
    DamagedDocument,
    LecternError,
    ParserCrashed,
    ParserMemory,
    ParserTimeout,
    ReadingCancelled,
)
from ingest.sandbox import Limits
from ingest.settings import settings
from ingest.sniff import DOCX, HTML, PDF, TEXT
from ingest.spans import Page

LIMITS = Limits(seconds=60, memory_mb=2_048, max_pages=100_000, max_characters=500_000_000)
PDF_PAGES = 150


@pytest.fixture(scope="module")
def long_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sandbox") / "long"
    canvas = Canvas(str(path))
    for number in range(1, PDF_PAGES + 1):
        for y in range(60, 780, 12):
            canvas.drawString(50, y, f"page {number}: " + "some words on a line " * 4)
        canvas.showPage()
    canvas.save()
    return path


@pytest.fixture(scope="module")
def long_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sandbox") / "long"
    path.write_text("一段文字，讀起來要花一點時間。\n\n" * 1_000_000, "utf-8")
    return path


@pytest.fixture(autouse=True)
def no_child_left() -> Iterator[None]:
    yield
    assert not children()


def children() -> list[int]:
    return [one.pid for one in psutil.Process().children() if "ingest.parsers" in one.cmdline()]


def test_pages_stream(long_pdf: Path) -> None:
    pages = sandbox.pages(long_pdf, PDF, LIMITS)
    first = next(pages)
    (pid,) = children()
    assert first.number == 1
    assert first.text.startswith("page 1: some")
    assert psutil.Process(pid).nice() == 10
    assert os.getsid(pid) == pid
    assert sum(1 for _ in pages) == PDF_PAGES - 1


def test_closing_the_generator_kills_the_child(long_pdf: Path) -> None:
    pages = sandbox.pages(long_pdf, PDF, LIMITS)
    next(pages)
    assert children()
    pages.close()
    assert not children()


def test_the_child_has_limits_and_no_environment(
    long_pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    pages = sandbox.pages(long_pdf, PDF, LIMITS)
    next(pages)
    process = psutil.Process(children()[0])
    assert "SECRET" not in process.environ()
    assert process.rlimit(psutil.RLIMIT_AS) == (2_048 << 20, 2_048 << 20)
    assert process.rlimit(psutil.RLIMIT_CPU) == (60, 65 + 1_000 * 60)  # the soft one kills
    assert process.rlimit(psutil.RLIMIT_FSIZE) == process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_NOFILE)[1] <= 64
    assert process.num_fds() < 10
    pages.close()


def test_a_slow_document_is_stopped_by_the_clock(long_text: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ParserTimeout):
        list(sandbox.pages(long_text, TEXT, Limits(0.5, 2_048, 100_000, 500_000_000)))
    assert time.monotonic() - began < 3


def test_the_clock_stands_still_while_the_caller_works(long_pdf: Path) -> None:
    pages = sandbox.pages(long_pdf, PDF, Limits(10, 2_048, 100_000, 500_000_000))
    reader = next(pages)
    assert reader.number == 1
    slow = sandbox.pages(long_pdf, PDF, Limits(1.5, 2_048, 100_000, 500_000_000))
    next(slow)
    time.sleep(2)
    assert next(slow).number == 2
    slow.close()
    pages.close()


def test_a_stopped_child_is_not_waited_for(long_pdf: Path) -> None:
    pages = sandbox.pages(long_pdf, PDF, Limits(1, 2_048, 100_000, 500_000_000))
    next(pages)
    os.kill(children()[0], signal.SIGSTOP)
    with pytest.raises(ParserTimeout):
        list(pages)


def test_a_busy_child_is_stopped_by_its_own_processor_limit(long_text: Path) -> None:
    request = child._request(long_text, {"kind": "pages", "media_type": TEXT, "max_pages": 10**6},
                             LIMITS)  # fmt: skip
    request["seconds"] = 1
    command = [*child._COMMAND, json.dumps(request)]
    done = subprocess.run(command, cwd=child._ROOT, env={}, stdout=subprocess.DEVNULL, timeout=30)
    assert done.returncode == -signal.SIGXCPU


@pytest.mark.parametrize("media_type", [PDF, DOCX, HTML])
def test_a_swelling_document_is_stopped(tmp_path: Path, media_type: str) -> None:
    path = tmp_path / "large"
    {PDF: swelling_pdf, DOCX: swelling_word}.get(media_type, swelling_text)(path)
    with pytest.raises(ParserMemory, match="60 MB"):
        list(sandbox.pages(path, media_type, Limits(60, 60, 100_000, 500_000_000)))


def swelling_text(path: Path) -> None:
    path.write_text("<p>word</p>" * 1_000_000)


def swelling_pdf(path: Path) -> None:
    """One page whose content unpacks to 200 MB."""
    packer = zlib.compressobj(9)
    content = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    path.write_bytes(
        b"%%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        b"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>> endobj\n"
        b"4 0 obj <</Filter/FlateDecode/Length %d>> stream\n%s\nendstream endobj\n"
        b"trailer <</Root 1 0 R>>" % (len(content), content)
    )


def swelling_word(path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("HERE")
    document.save(str(path))
    many = b"".join(
        b"<w:p><w:r><w:t>%032x</w:t></w:r></w:p>" % number**8 for number in range(99_999)
    )
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["word/document.xml"] = parts["word/document.xml"].replace(
        b"<w:sectPr", many + b"<w:sectPr"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGILL, signal.SIGTERM])
def test_a_crash_is_told(long_pdf: Path, how: signal.Signals) -> None:
    pages = sandbox.pages(long_pdf, PDF, LIMITS)
    next(pages)
    os.kill(children()[0], how)
    with pytest.raises(ParserCrashed):
        list(pages)


def test_a_child_killed_by_the_kernel_was_out_of_memory(long_pdf: Path) -> None:
    pages = sandbox.pages(long_pdf, PDF, LIMITS)
    next(pages)
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(ParserMemory):
        list(pages)


def saying(data: bytes, size: int | None = None) -> str:
    length = len(data) if size is None else size
    return f"import sys; sys.stdout.buffer.write({length.to_bytes(4, 'big') + data!r})"


@pytest.mark.parametrize(
    "program",
    [
        "pass",
        "raise SystemExit(3)",
        "print('nonsense' * 1000)",
        saying(b"", size=0xFFFFFFFF),
        saying(b"{}", size=50),
        saying(b"[]"),
        saying(b"{}"),
        saying(b"{"),
        saying(b'{"page": [7, "x", []]}'),
        saying(b'{"page": [1, 5, []]}'),
        saying(b'{"page": [1, "x", [[0]]]}'),
        saying(b'{"error": "unheard_of", "details": {}}'),
        saying(b'{"error": "too_many_pages", "details": {}}'),
        saying(b'{"done": true}')[:-8] + "')",
    ],
)
def test_what_is_not_well_formed_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(child, "_COMMAND", [sys.executable, "-c", program])
    with pytest.raises(ParserCrashed):
        list(sandbox.pages(tmp_path, TEXT, LIMITS))
    with pytest.raises(ParserCrashed):
        sandbox.boxes(tmp_path, 1, 0, 1, LIMITS)


@pytest.mark.parametrize("announced", [True, False])
def test_each_page_that_ocr_reads_gets_time_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    program = (
        "import json, sys, time\n"
        "def say(record):\n"
        "    data = json.dumps(record).encode()\n"
        "    sys.stdout.buffer.write(len(data).to_bytes(4, 'big') + data)\n"
        "    sys.stdout.flush()\n"
        "for number in range(1, 6):\n"
        f"    if {announced}: say({{'ocr': True}})\n"
        "    time.sleep(0.6)\n"
        "    say({'page': [number, 'x', [], [], None]})\n"
        "say({'done': True})\n"
    )
    monkeypatch.setattr(child, "_COMMAND", [sys.executable, "-c", program])
    limits = Limits(2, 2_048, 10, 100, ocr_seconds=2)
    if announced:
        assert len(list(sandbox.pages(tmp_path, PDF, limits))) == 5
    else:
        with pytest.raises(ParserTimeout):
            list(sandbox.pages(tmp_path, PDF, limits))


def test_cancelling_is_noticed_while_reading_and_while_waiting(long_pdf: Path) -> None:
    flag = threading.Event()
    pages = sandbox.pages(long_pdf, PDF, LIMITS, flag.is_set)
    next(pages)
    flag.set()
    with pytest.raises(ReadingCancelled):
        list(pages)
    flag.clear()
    pages = sandbox.pages(long_pdf, PDF, LIMITS, flag.is_set)
    next(pages)
    os.kill(children()[0], signal.SIGSTOP)
    threading.Timer(0.3, flag.set).start()
    began = time.monotonic()
    with pytest.raises(ReadingCancelled):
        list(pages)
    assert time.monotonic() - began < 1


def test_cancelled_before_it_began(long_pdf: Path) -> None:
    with pytest.raises(ReadingCancelled):
        next(sandbox.pages(long_pdf, PDF, LIMITS, lambda: True))


def test_many_threads_at_once(long_pdf: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"%PDF-1.4 nothing")

    def read(path: Path) -> int | type[LecternError]:
        try:
            return sum(len(page.text) for page in sandbox.pages(path, PDF, LIMITS))
        except DamagedDocument as error:
            return type(error)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read, [long_pdf, broken] * 3))
    assert len(set(results[::2])) == 1
    assert set(results[1::2]) == {DamagedDocument}


def test_the_child_dies_with_its_parent(long_pdf: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom ingest import sandbox\n"
        "pages = sandbox.pages(Path(sys.argv[1]), 'application/pdf',"
        " sandbox.Limits(60, 2048, 10**6, 10**9))\n"
        "next(pages)\nprint('ready', flush=True)\nsys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(long_pdf)], cwd=child._ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout
    assert parent.stdin
    assert parent.stdout.readline()
    (orphan,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    gone, _ = psutil.wait_procs([orphan], timeout=5)
    assert gone
    parent.stdin.close()
    parent.stdout.close()


def test_limits_come_from_the_settings() -> None:
    ours = settings()
    assert Limits.from_settings() == Limits(
        ours.parser_seconds, ours.parser_memory_mb, ours.max_pages, ours.max_characters
    )


def test_a_name_is_no_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "--help 中文 \udcff\n$(x)"
    path.write_text("words")
    monkeypatch.chdir(tmp_path)
    assert list(sandbox.pages(Path(path.name), TEXT, LIMITS)) == [Page(1, "words")]
