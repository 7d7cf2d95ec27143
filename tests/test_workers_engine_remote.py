"""A model over several hosts says what it says on one; hosts are left, lost and taken again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engines import PROFILE, asked, opened, text_of, tokens_of, until
from lenders import Lender, lenders

from workers.engine import links
from workers.engine.engine import Engine
from workers.engine.requests import Request
from workers.errors import EngineStopped, RpcHostAway, RpcHostBusy, RpcHostLost

pytestmark = [pytest.mark.model, pytest.mark.slow]

#: Weights of hosts are not repacked: with other kernels here, sums would be rounded otherwise.
PLAIN = replace(PROFILE, repack=False)
TEXT = "The lighthouse of Saltness was built by the harbour office in 1874. " * 24


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Lender]]:
    with lenders(3, tmp_path_factory.mktemp("hosts")) as made:
        for each in made:
            each.start("--cache")
        yield made


@pytest.fixture(scope="module")
def alone(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, ...]]:
    """What the engine of one host says."""
    engine = opened(model_file, tmp_path_factory.mktemp("alone"), profile=PLAIN)
    try:
        return spoken(engine)
    finally:
        engine.close()


def spoken(engine: Engine) -> list[tuple[int, ...]]:
    """Greedy answers: a long prompt, a short one beside it, and the long one from a kept state."""
    requests = [question(engine, TEXT), question(engine, "When?")]
    answers = [engine.generate(request) for request in requests]
    texts = [text_of(answer) for answer in answers]
    texts.append(text_of(engine.generate(requests[0])))
    return [tokens_of(engine, text) for text in texts]


def question(engine: Engine, text: str) -> Request:
    return asked(engine, f"{text} Tell me about it.", max_tokens=32)


@pytest.mark.parametrize(
    ("count", "split"), [(1, ""), (2, ""), (3, ""), (2, "0,15,15"), (3, "0,10,10,10")]
)
def test_several_hosts_say_what_one_says(
    hosts: list[Lender],
    alone: list[tuple[int, ...]],
    model_file: Path,
    tmp_path: Path,
    count: int,
    split: str,
) -> None:
    """Token for token. Without layers here the library also computes several batches in a row."""
    servers = ",".join(map(str, hosts[:count]))
    engine = opened(model_file, tmp_path, profile=PLAIN, rpc_servers=servers, rpc_split=split)
    try:
        assert engine.model.remote is not None
        assert len(engine.model.remote.hosts) == count
        assert spoken(engine) == alone
        assert engine.alive
    finally:
        engine.close()


def test_hosts_keep_what_they_were_sent(hosts: list[Lender], alone: object) -> None:
    """Only tensors of more than 10 MiB: of this model the one that makes logits."""
    kept = [path for host in hosts for path in (host.folder / "rpc").iterdir()]
    assert kept
    assert all(path.stat().st_size > 10 << 20 for path in kept)


def test_a_cancelled_request_leaves_the_rest_as_it_was(
    hosts: list[Lender], alone: list[tuple[int, ...]], model_file: Path, tmp_path: Path
) -> None:
    engine = opened(model_file, tmp_path, profile=PLAIN, rpc_servers=f"{hosts[0]},{hosts[1]}")
    try:
        left = engine.generate(question(engine, TEXT.replace("Saltness", "Northbank")))
        until(lambda: engine.load().steps > 0 or engine.load().background > 0)
        left.cancel()
        engine.see_cancelled()
        assert spoken(engine) == alone
    finally:
        engine.close()


def test_a_host_serves_one_worker_and_the_next_when_it_has_gone(
    hosts: list[Lender], model_file: Path, tmp_path: Path
) -> None:
    servers = str(hosts[0])
    engine = opened(model_file, tmp_path / "a", profile=PLAIN, rpc_servers=servers)
    with pytest.raises(RpcHostBusy):
        opened(model_file, tmp_path / "b", profile=PLAIN, rpc_servers=servers)
    engine.close()
    opened(model_file, tmp_path / "b", profile=PLAIN, rpc_servers=servers).close()


def test_an_idle_engine_notices_that_a_host_has_gone(model_file: Path, tmp_path: Path) -> None:
    with lenders(1, tmp_path / "hosts") as (host,):
        host.start()
        engine = opened(model_file, tmp_path, profile=PLAIN, rpc_servers=str(host))
        remote = engine.model.remote
        assert remote is not None
        assert engine.lost() is None
        (link,) = remote._links.values()
        assert link.getsockopt(links.socket.SOL_SOCKET, links.socket.SO_KEEPALIVE)
        host.kill()
        until(lambda: engine.lost() is not None)
        lost = engine.lost()
        assert isinstance(lost, RpcHostLost)
        assert str(host) in str(lost)
        assert not engine.alive
        with pytest.raises(EngineStopped):
            engine.close() or engine.generate(question(engine, "When?"))
        with pytest.raises(RpcHostAway):
            opened(model_file, tmp_path / "other", profile=PLAIN, rpc_servers=str(host))
