"""llama.cpp's source, of the very version that is installed: its converter, and what peers are.

It is inside the source distribution of llama-cpp-python, which the package registry has; kept in
`.venv/peers/`, fetched once, never part of this repository.
"""

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from ingest.errors import LecternError
from workers.models.telling import Tell

PEERS = Path(sys.prefix) / "peers"
DISTRIBUTION = "llama-cpp-python"
PLACE = "vendor/llama.cpp"
LAST_WORDS = 300  #: characters of pip's complaint


class SourceMissing(LecternError):
    """The source of {wanted} can't be had from the package registry: {reason}. Put its archive
    {archive} into {folder} and try again.
    """

    code = "source_missing"


def llama_cpp(tell: Tell) -> Path:
    """The folder of llama.cpp's source. Raises SourceMissing."""
    name = f"{DISTRIBUTION.replace('-', '_')}-{version(DISTRIBUTION)}"
    place = PEERS / "source" / name
    if not place.is_dir():
        archive = place.parent / f"{name}.tar.gz"
        if not archive.is_file():
            tell("fetching the source of llama.cpp")
            _download(archive)
        _unpack(archive, place)
    return place / PLACE


def _download(archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    wanted = f"{DISTRIBUTION}=={version(DISTRIBUTION)}"
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-binary", DISTRIBUTION, "--dest", str(archive.parent)]
    done = subprocess.run([*pip, *options, wanted], capture_output=True, text=True, check=False)
    if done.returncode or not archive.is_file():
        reason = done.stderr.strip()[-LAST_WORDS:] or "pip does not say why"
        raise SourceMissing(
            wanted=wanted, reason=reason, archive=archive.name, folder=archive.parent
        )


def _unpack(archive: Path, place: Path) -> None:
    """Whole or not at all: what was broken off has another name."""
    with tempfile.TemporaryDirectory(dir=place.parent) as part:
        with tarfile.open(archive) as packed:
            packed.extractall(part, filter="data")
        (Path(part) / place.name).replace(place)
