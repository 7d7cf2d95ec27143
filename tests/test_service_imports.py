"""What starting the web process may not cost."""

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "chromadb",
    "docx",
    "openpyxl",
    "pptx",
    "langchain",
    "langchain_core",
    "langchain_openai",
    "llama_cpp",
    "numpy",
    "pypdfium2",
    "selectolax",
    "sentence_transformers",
    "torch",
    "transformers",
)


def test_the_service_loads_no_model_and_no_vector_store() -> None:
    script = "import sys, service.app; print(*sys.modules, sep='\\n')"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent.parent,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    loaded = set(ran.stdout.split())
    assert "service.app" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert not [name for name in loaded if name.startswith("ingest.parsers.")]
