"""Reading beside what LangChain has in stock: parsing, embedding, both together; and its memory.

`python -m benchmarks.ingest [--data FOLDER] [--pages 10000]`. The PDFs of a folder, or made ones.
All take turns, three rounds; parsing is ours in its killable process, as a worker has it.
"""

import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from benchmarks import environment, report
from benchmarks.corpus import Corpus
from benchmarks.figures import Row, Sample
from ingest import sandbox, split
from ingest.child import Limits
from ingest.embed import LONGEST_TOKENS, Embedder, bundled
from ingest.settings import settings
from ingest.sniff import PDF

ROUNDS = 3
MADE_PAGES, PAGE_TOKENS, LINE_WORDS, LINES = 120, 500, 12, 60
SIZE, SHARED = 1_000, 200  #: of the stock splitter, in characters
MOST_PIECES = 96
#: Of the bundled embedder's matrices (all-MiniLM-L6-v2), and of products as large as a batch.
LAYERS, WIDTH, HIDDEN = 6, 384, 1_536
PRODUCT_ROWS, PRODUCTS = 4_096, 20
THREADS = psutil.cpu_count(logical=False) or 1
LONG = Limits(3_600, 2_048, 100_000, 1 << 30)
MEGABYTE, MEMORY_MB = 1 << 20, 1_024
Way = Callable[[], Any]


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print the rows as JSON. 1 when a target is missed."""
    asked = ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    asked.add_argument("--data", type=Path, metavar="FOLDER", help="with PDFs")
    asked.add_argument("--pages", type=int, default=10_000, help="of the long PDF")
    given, place = asked.parse_args(words), environment.results()
    with TemporaryDirectory() as folder:
        files = _files(given.data) if given.data else [made(Path(folder) / "a.pdf", MADE_PAGES)]
        found = [*parsing(files), *embedding(files), memory(Path(folder), given.pages)]
    print(report.as_json(found), file=place, flush=True)
    return int(any(row.met is False for row in found))


def parsing(files: Sequence[Path]) -> Iterator[Row]:
    """Pages per second of the parsers."""
    ways: dict[str, Way] = {
        "": lambda: [len(list(_pages(file))) for file in files],
        "PyPDFLoader": lambda: [len(_pypdf(file)) for file in files],
        "pdfplumber": lambda: [_plumbed(file) for file in files],
    }
    pages, seconds = sum(ways[""]()), _by_turns(ways)
    for name, target in (("PyPDFLoader", 5.0), ("pdfplumber", 5.0)):
        yield _row(f"parse_vs_{name.lower()}", target, name, seconds, f"{pages} pages")


def embedding(files: Sequence[Path]) -> Iterator[Row]:
    """Pieces per second of the embedders, and reading as a whole."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - an extra

    embedder, stock = Embedder(settings().embedder, THREADS), _stock()
    splitter = RecursiveCharacterTextSplitter(chunk_size=SIZE, chunk_overlap=SHARED)
    text = "\n".join(page.text for file in files for page in _pages(file))
    pieces = splitter.split_text(text)[:MOST_PIECES]
    seconds = _by_turns({"": lambda: embedder.embed(pieces), "encode": lambda: stock(pieces)})
    agree = float((embedder.embed(pieces) * stock(pieces)).sum(axis=1).min())
    share = _of_peak(embedder, pieces, seconds["encode"].middle)
    detail = f"{len(pieces)} pieces of {SIZE} characters, least cosine {agree:.5f}; {share}"
    yield _row("embed_vs_stock", 2.0, "encode", seconds, detail)
    whole: dict[str, Way] = {
        "": lambda: embedder.embed(_passages(files[0], embedder)),
        "LangChain": lambda: stock(
            [part.page_content for part in splitter.split_documents(_pypdf(files[0]))]
        ),
    }
    yield _row("read_vs_langchain", 2.0, "LangChain", _by_turns(whole), files[0].name)


def _of_peak(embedder: Embedder, pieces: Sequence[str], seconds: float) -> str:
    """What bounds embedding: how near the stock way is to bare matrix products of its shapes."""
    import torch  # noqa: PLC0415 - heavy

    with torch.inference_mode():
        rows, weights = torch.randn(PRODUCT_ROWS, WIDTH), torch.randn(HIDDEN, WIDTH)
        torch.nn.functional.linear(rows, weights)
        began = time.perf_counter()
        for _ in range(PRODUCTS):
            torch.nn.functional.linear(rows, weights)
        peak = PRODUCTS * PRODUCT_ROWS * WIDTH * HIDDEN / (time.perf_counter() - began)
    tokens = sum(min(LONGEST_TOKENS, embedder.count_tokens(piece) + 2) for piece in pieces)
    reached = tokens * LAYERS * (4 * WIDTH**2 + 2 * WIDTH * HIDDEN) / seconds
    return f"encode does {reached / peak:.0%} of what bare float32 products do here"


def memory(folder: Path, pages: int) -> Row:
    """The most that reading a long PDF takes, this process and its parser together."""
    file = made(folder / "long.pdf", pages)
    with _watched() as peak:
        count = sum(1 for _ in _pages(file))
    detail = f"{count} pages, {file.stat().st_size / MEGABYTE:.0f} MB, at most {peak.value:.0f} MB"
    return Row("memory_of_long_pdf", peak.value / MEMORY_MB, 1.0, "lower", "1 GiB", detail)


def made(file: Path, pages: int) -> Path:
    """A PDF of made text, so many pages of it."""
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 - an extra

    corpus, canvas = Corpus("reading"), Canvas(str(file), pageCompression=1)
    for _ in range(pages):
        told = corpus.text(PAGE_TOKENS).split()
        for line in range(min(LINES, len(told) // LINE_WORDS)):
            words = told[line * LINE_WORDS : (line + 1) * LINE_WORDS]
            canvas.drawString(40, 800 - 12 * line, " ".join(words))
        canvas.showPage()
    canvas.save()
    return file


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.pdf"))
    if not found:
        raise SystemExit(f"error: no PDF in {folder}")
    return found


def _pages(file: Path) -> Iterator[Any]:
    return sandbox.pages(file, PDF, LONG)


def _passages(file: Path, embedder: Embedder) -> list[str]:
    texts: dict[int, str] = {}

    def seen() -> Iterator[Any]:
        for page in _pages(file):
            texts[page.number] = page.text
            yield page

    cut = list(split.passages(seen(), embedder.count_tokens, settings().chunk_tokens))
    return [texts[one.page][one.char_start : one.char_end] for one in cut]


def _pypdf(file: Path) -> list[Any]:
    from langchain_community.document_loaders import PyPDFLoader  # noqa: PLC0415 - an extra

    return list(PyPDFLoader(str(file)).load())


def _plumbed(file: Path) -> int:
    import pdfplumber  # noqa: PLC0415 - an extra

    with pdfplumber.open(file) as book:
        return sum(len(page.extract_text()) for page in book.pages)


def _stock() -> Callable[[list[str]], Any]:
    """The same model as sentence-transformers has it, as long as ours: its own would cut texts."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - heavy

    folder = settings().embedder or str(bundled())
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    model.max_seq_length = LONGEST_TOKENS
    return lambda texts: model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def _by_turns(ways: dict[str, Way]) -> dict[str, Sample]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
            told = f"  {name or 'lectern'}, turn {turn + 1}: {seconds[name][-1]:.2f} s"
            print(told, file=sys.stderr, flush=True)
    return {name: Sample(tuple(values)) for name, values in seconds.items()}


def _row(name: str, target: float, peer: str, seconds: dict[str, Sample], detail: str) -> Row:
    ratio = seconds[peer].middle / seconds[""].middle
    told = f"{detail}; Lectern {seconds['']}, {peer} {seconds[peer]}"
    return Row(name, ratio, target, "higher", peer, told)


@dataclass
class _Peak:
    value: float = 0.0  #: MB


@contextmanager
def _watched() -> Iterator[_Peak]:
    """The most memory of this process and its children, beyond what it had, while inside."""
    own, peak, ended = psutil.Process(), _Peak(), threading.Event()
    before = own.memory_info().rss

    def look() -> None:
        while not ended.wait(0.1):
            held = own.memory_info().rss - before
            for child in own.children(recursive=True):
                with suppress(psutil.Error):
                    held += child.memory_info().rss
            peak.value = max(peak.value, held / MEGABYTE)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


if __name__ == "__main__":
    sys.exit(main())
