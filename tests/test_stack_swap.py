"""Another model while everything runs: the real launcher, real models, a job in the middle."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fleet import ROOT, free_port, until
from test_stack import report

from workers.models.shelf import File, Shelf
from workers.models.wishes import Stage, Wish, Wishes

pytestmark = [pytest.mark.slow, pytest.mark.model]


class Installation:
    """`lectern up` with the bundled model as it was shipped, a re-quantised one on its shelf."""

    def __init__(self, folder: Path, second: Path) -> None:
        self.data, self.url = folder / "data", f"http://127.0.0.1:{free_port()}"
        kept = {name: value for name, value in os.environ.items() if "LECTERN" not in name}
        settings = {
            "DATA": str(self.data),
            "PORT": self.url.rpartition(":")[2],
            "WEIGHTS": "shipped",
            "TUNE": "off",
            "WARM": "off",
            "SAMPLES": "off",
            "CONTEXT": "1280",
            "BATCH_SLOTS": "2",
            "THREADS": "1",
            "PREFIX_CACHE_MB": "64",
        }
        self.environment = kept | {f"LECTERN_{name}": value for name, value in settings.items()}
        shelf = Shelf.within(self.data)
        place = shelf.prepare("second", second.stat().st_size)
        shutil.copy(second, place / "second.gguf")
        shelf.put("second", [File("second.gguf", second.stat().st_size, "0" * 64)], "made here")
        self.shelf = shelf
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "up", "--json"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def hear(self, event: str) -> dict[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise AssertionError(f"it ended before it said {event}")

    def use(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "service.cli", "models", "use", *words, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def workers(self) -> list[dict[str, Any]]:
        parts = self.client.get("/readyz").json()["parts"]
        return list(parts["worker"].get("workers", ()))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data / "lectern.db", timeout=30)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def lectern(model_file: Path) -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="lectern-"))
    started = Installation(folder, model_file)
    yield started
    if started.process.poll() is None:
        started.process.terminate()
        started.process.wait(timeout=120)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_job_goes_on_through_a_change_of_the_model(lectern: Installation) -> None:
    lectern.hear("up")
    (first,) = lectern.workers()
    assert "SmolLM2" in first["model"]
    client = lectern.client
    collection = client.post("/v1/collections", json={"name": "Swap"}).json()["id"]
    files = {"files": ("report.md", report(6, "northern").encode())}
    made = client.post(f"/v1/collections/{collection}/documents", files=files).json()
    document, reading = made["documents"][0]["id"], made["jobs"][0]["id"]

    def ended(job: str) -> dict[str, Any] | None:
        told: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        return told if told["status"] in {"succeeded", "failed", "cancelled"} else None

    assert until(lambda: ended(reading), "the document is read")["status"] == "succeeded"
    job = client.post("/v1/jobs", json={"kind": "summary", "document_id": document}).json()["id"]
    done = f"SELECT count(*) FROM steps WHERE job_id = '{job}' AND kind = 'section' AND status = "
    until(lambda: lectern.sql(f"{done} 'done'")[0][0], "a section is done")
    assert not ended(job)

    used = lectern.use("second")
    assert used.returncode == 0, used.stderr
    assert json.loads(used.stdout)["stage"] == "done"
    (second,) = lectern.workers()
    assert (second["model"], second["state"]) == ("second", "serving")
    assert second["pid"] != first["pid"]
    assert until(lambda: ended(job), "the summary ends")["status"] == "succeeded"
    steps = lectern.sql(f"SELECT model, lost, retries, claims FROM steps WHERE job_id = '{job}'")
    assert len({model for model, *_ in steps}) == 2, "begun with one model, ended with the other"
    assert {tuple(rest) for _, *rest in steps} == {(0, 0, 1)}, "nothing lost, nothing twice"

    broken = lectern.data / "broken.gguf"
    whole = lectern.shelf.find("second").path.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    refused = lectern.use("--path", str(broken))
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == "model_unusable"

    wishes = Wishes(lectern.shelf.folder)  # as if it had broken after it was examined
    wishes.wish(Wish("wish_broken", str(broken), str(broken), beside=True))

    def failed() -> bool:
        news = wishes.news()
        return news is not None and (news.id, news.stage) == ("wish_broken", Stage.FAILED)

    until(failed, "the broken one is given up")
    assert lectern.shelf.in_use() == "second"
    assert [one["pid"] for one in lectern.workers()] == [second["pid"]]

    lectern.process.send_signal(signal.SIGTERM)
    stages = [line for line in lectern.process.stdout or () if '"model"' in line]
    assert [json.loads(line)["stage"] for line in stages] == [
        "starting", "ready", "done", "starting", "failed",
    ]  # fmt: skip
    assert lectern.process.wait(timeout=120) == 0
