"""Which layers stand where, and what a file says that its layers take."""

from pathlib import Path

import pytest
from engines import PROFILE
from ggufs import F32 as EMBEDDINGS
from ggufs import SIZES, write

from workers.engine import memory
from workers.engine.header import header
from workers.engine.hosts import Endpoint, Greeting, Lent
from workers.engine.layers import layers
from workers.engine.split import divided, shared
from workers.errors import MemoryTooSmall, RpcServersUnusable
from workers.settings import Settings

GB = 1_000_000_000
HOST, OTHER = Endpoint("10.0.0.2", 50052), Endpoint("10.0.0.3", 50052)


def greeting(host: Endpoint, *free: int) -> Greeting:
    return Greeting(host, "7.0.0", tuple(Lent(each, each) for each in free), 0.001)


def test_every_place_carries_the_same_share_of_its_room() -> None:
    assert shared([1] * 30, [100, 100, 100]) == (10, 10, 10)
    assert shared([1] * 30, [100, 200]) == (10, 20)
    assert shared([1] * 30, [0, 100]) == (0, 30)
    assert shared([10] * 4, [19, 19]) == ()
    assert shared([10] * 4, [20, 29]) == (2, 2)


def test_layers_are_counted_by_what_they_take() -> None:
    """DeepSeek's shape: three small layers, then large ones; by number the first would burst."""
    sizes = [1, 1, 1, *[20] * 9]
    counts = shared(sizes, [70, 70, 70])
    assert counts == (6, 3, 3)


def test_a_file_says_what_its_layers_take(model_file: Path) -> None:
    told = header(model_file)
    found = layers(model_file, told.layers)
    assert len(found.each) == told.layers == 30
    assert len(set(found.each)) == 1
    data = sum(found.each) + found.input
    assert 0 < model_file.stat().st_size - data < 3_000_000  # its header: the vocabulary
    assert found.largest == found.input < found.output  # embeddings that are the output too


def test_the_layers_of_a_model_in_several_files_are_counted_together(tmp_path: Path) -> None:
    names = [tmp_path / f"large-{part:05}-of-00002.gguf" for part in (1, 2)]
    begin = [EMBEDDINGS, ("blk.0.attn_q.weight", (64, 64), 0, 16_384)]
    rest = [("blk.1.attn_q.weight", (64, 32), 0, 8_192), ("blk.2.nextn.weight", (64,), 0, 256)]
    for number, (name, tensors) in enumerate(zip(names, (begin, rest), strict=True)):
        split = {"split.count": 2, "split.no": number, "split.tensors.count": 4}
        write(name, SIZES | split, tensors)
    found = layers(names[0], 2)
    assert found.each == (16_384, 8_192)
    assert (found.input, found.output) == (768 + 256, 768)  # the embeddings make logits too
    both = sum(name.stat().st_size for name in names)
    assert memory.plan(names[0], Settings(), PROFILE).weights == both


def test_a_model_is_divided_by_free_memory(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda *_: 2 * GB)
    settings = Settings(context=1024, batch_slots=2, interactive_slots=1)
    made = divided(model_file, settings, PROFILE, [greeting(HOST, 2 * GB), greeting(OTHER, 4 * GB)])
    away = [share.layers for share in made.shares]
    assert made.layers + sum(away) == 30
    assert 0 < made.layers <= away[0] < away[1]
    whole = memory.plan(model_file, settings, PROFILE)
    here = memory.here(model_file, settings, PROFILE, made)
    assert here.weights < whole.weights
    assert here.kv == pytest.approx(whole.kv * made.layers / 30, rel=0.01)
    assert str(made).endswith("of 4,000 MB)")


def test_devices_of_one_host_are_places_of_their_own(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda *_: 2 * GB)
    made = divided(model_file, Settings(), PROFILE, [greeting(HOST, 3 * GB, 3 * GB)])
    assert [(share.endpoint, share.device) for share in made.shares] == [(HOST, 0), (HOST, 1)]


def test_a_model_that_does_not_fit_all_hosts_is_refused(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda *_: 300_000_000)
    with pytest.raises(MemoryTooSmall, match="300 MB here and 100 MB on RPC hosts"):
        divided(model_file, Settings(), PROFILE, [greeting(HOST, 100_000_000)])


def test_the_operator_may_say_what_stands_where(model_file: Path) -> None:
    hosts = [greeting(HOST, 4 * GB), greeting(OTHER, 4 * GB)]
    made = divided(model_file, Settings(rpc_split="0, 20,10"), PROFILE, hosts)
    assert (made.layers, *(share.layers for share in made.shares)) == (0, 20, 10)
    for wrong in ("10,20", "10,10,11", "ten,10,10", "-1,21,10"):
        with pytest.raises(RpcServersUnusable):
            divided(model_file, Settings(rpc_split=wrong), PROFILE, hosts)
