"""A Postgres server of the tests' own, where its programs are installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.servers import free_port

#: The server refuses to be run by root; Debian's package brings this user.
USER = "postgres" if os.getuid() == 0 else None
PLACES = "/usr/lib/postgresql/*/bin"


def programs() -> Path | None:
    """The folder of the server's programs; None without them."""
    for folder in sorted(Path("/").glob(PLACES.lstrip("/")), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of an empty server, without its database's name; its files are in `folder`."""
    tools, port, data = programs(), free_port(), folder / "db"
    assert tools is not None
    if USER:
        shutil.chown(folder, USER)
    _run([tools / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"], folder)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [tools / "pg_ctl", "-D", data, "-w"]
    _run([*control, "-o", options, "-l", folder / "log", "start"], folder)
    try:
        yield f"postgresql+psycopg://{USER or os.environ['USER']}@127.0.0.1:{port}"
    finally:
        _run([*control, "-m", "immediate", "stop"], folder)


def new_database(url: str, name: str, like: str = "template1") -> str:
    """The URL of a fresh database of the server, a copy of another."""
    engine = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{like}"'))
    engine.dispose()
    return f"{url}/{name}"


def _run(command: list[str | Path], folder: Path) -> None:
    told = folder / "said"
    with told.open("ab") as file:  # a pipe would be held open by the server
        subprocess.run(
            command, check=True, stdout=file, stderr=file, user=USER, cwd=folder, timeout=60
        )
