"""A GGUF's header: read as it is, or refused; never anything else, whatever is in the file."""

import struct
import tempfile
from ctypes import CDLL, c_int64
from pathlib import Path
from typing import Any

import gguf as upstream
import ggufs
import llama_cpp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.engine import gguf, parts
from workers.engine.bundle import bundled
from workers.engine.formats import FILES, TENSORS
from workers.engine.header import Memory, header
from workers.errors import ModelMissing, ModelUnusable

LARGE = (1 << 64) - 1


def test_reads_a_file(tmp_path: Path) -> None:
    told = gguf.read(ggufs.write(tmp_path / "small.gguf"))
    assert told.pairs["tokenizer.ggml.tokens"] == ("a", "b", "c")
    assert [(one.name, one.type, one.elements) for one in told.tensors] == [
        ("token_embd.weight", "F32", 192),
        ("output.weight", "Q8_0", 192),
    ]


def test_agrees_with_upstreams_reader_about_a_real_model() -> None:
    ours, theirs = gguf.read(bundled()), upstream.GGUFReader(bundled())
    assert [(t.name, t.shape, t.type, t.size) for t in ours.tensors] == [
        (t.name, tuple(t.shape.tolist()), t.tensor_type.name, t.n_bytes) for t in theirs.tensors
    ]
    assert ours.pairs.keys() == {name for name in theirs.fields if not name.startswith("GGUF.")}
    assert len(ours.pairs["tokenizer.ggml.tokens"]) == 49_152
    assert ours.pairs["general.architecture"] == "llama"


def test_formats_are_the_librarys() -> None:
    sizes = {int(kind): told for kind, told in upstream.GGML_QUANT_SIZES.items()}
    for number, packing in TENSORS.items():
        if number in sizes:  # the package is older than the library
            assert (packing.block, packing.size) == sizes[number]
            assert packing.name == upstream.GGMLQuantizationType(number).name
    named = {int(one): one.name.partition("_")[2] for one in upstream.LlamaFileType}
    assert not {n: name for n, name in FILES.items() if n in named and named[n] != name}


def test_block_sizes_are_those_of_the_library_that_loads() -> None:
    folder = Path(llama_cpp.__file__).parent / "lib"
    ggml: Any = CDLL(str(folder / "libggml-base.so"))
    ggml.ggml_type_size.restype = ggml.ggml_blck_size.restype = c_int64
    for number, packing in TENSORS.items():
        told = ggml.ggml_blck_size(number), ggml.ggml_type_size(number)
        assert told == (packing.block, packing.size), packing.name


PAIR = ggufs.text("key")
FAULTS = {
    "not a GGUF": b"GGML" + bytes(60),
    "empty": b"",
    "the magic alone": b"GGUF",
    "version 1": b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
    "the other byte order": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "many pairs": b"GGUF" + struct.pack("<IQQ", 3, 0, LARGE),
    "many tensors": b"GGUF" + struct.pack("<IQQ", 3, LARGE, 0),
    "more pairs than there are": b"GGUF" + struct.pack("<IQQ", 3, 0, 1000),
    "a long key": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, LARGE),
    "an empty key": b"GGUF" + struct.pack("<IQQQI", 3, 0, 1, 0, 0) + b"\0",
    "a long text": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + PAIR + struct.pack("<IQ", 8, 1 << 63),
    "an unknown type": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + PAIR + struct.pack("<I", 13),
    "an array in an array": ggufs.header({"key": struct.pack("<IIQIQ", 9, 9, 1, 9, 1)}),
    "a long array": ggufs.header({"key": struct.pack("<IIQ", 9, 4, LARGE)}),
    "an array of many texts": ggufs.header({"key": struct.pack("<IIQ", 9, 8, 1 << 40)}),
    "a key twice": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 2)
    + (PAIR + ggufs.value(1)) * 2,
    "alignment 0": ggufs.whole({"general.alignment": 0}),
    "alignment 24": ggufs.whole({"general.alignment": 24}),
    "a huge alignment": ggufs.whole({"general.alignment": 1 << 31}),
    "alignment as text": ggufs.whole({"general.alignment": "32"}),
    "a tensor twice": ggufs.whole(tensors=(ggufs.F32, ggufs.F32)),
    "a long name": ggufs.whole(tensors=(("n" * 64, *ggufs.F32[1:]),)),
    "no dimensions": ggufs.whole(tensors=(("t", (), 0, 4),)),
    "five dimensions": ggufs.whole(tensors=(("t", (1,) * 5, 0, 4),)),
    "an empty dimension": ggufs.whole(tensors=(("t", (0, 4), 0, 0),)),
    "a product beyond 64 bits": ggufs.whole(tensors=(("t", (1 << 40, 1 << 40), 0, 16),)),
    "a negative size": ggufs.whole(tensors=(("t", (LARGE,), 0, 16),)),
    "a row that is no block": ggufs.whole(tensors=(("t", (33,), 8, 34),)),
    "a removed type": ggufs.whole(tensors=(("t", (32,), 4, 16),)),
    "a type of the future": ggufs.whole(tensors=(("t", (32,), 99, 16),)),
    "a gap": ggufs.whole(tensors=(("t", (4,), 0, 64), ggufs.F32)),
    "an overlap": ggufs.whole(tensors=(("t", (64,), 0, 32), ggufs.F32)),
    "data that is not there": ggufs.whole()[:-64],
    "no data at all": ggufs.header(ggufs.SIZES, (ggufs.F32, ggufs.Q8)),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_refuses(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(FAULTS[fault])
    with pytest.raises(ModelUnusable):
        gguf.read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        gguf.read(tmp_path / "none.gguf")
    with pytest.raises(ModelMissing):
        gguf.read(tmp_path)


def test_a_header_that_is_too_long_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "LONGEST_HEADER", 1 << 12)
    path = ggufs.write(tmp_path / "long.gguf", {**ggufs.SIZES, "key": "x" * (1 << 12)})
    with pytest.raises(ModelUnusable, match="longer than any"):
        gguf.read(path)
    monkeypatch.setattr(gguf, "MOST_TEXTS", 2)
    with pytest.raises(ModelUnusable, match="more texts"):
        gguf.read(ggufs.write(tmp_path / "texts.gguf"))


def tried(raw: bytes) -> None:
    """A valid parse or ModelUnusable, and nothing but these."""
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(raw)
        file.flush()
        try:
            told = gguf.read(Path(file.name))
        except ModelUnusable:
            return
        assert sum(one.size for one in told.tensors) <= len(raw)
        try:
            header(Path(file.name))
        except ModelUnusable:
            return


WHOLE = ggufs.whole()
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6))
def test_any_bytes_changed(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(WHOLE)
    for place, byte in changes:
        raw[place] = byte
    tried(bytes(raw))


@FUZZ
@given(
    st.integers(0, len(ggufs.header(ggufs.SIZES, (ggufs.F32, ggufs.Q8)))),
    st.sampled_from([0, 1, 2, 31, 255, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 62, 1 << 63, LARGE]),
)
def test_any_number_changed(place: int, number: int) -> None:
    raw = bytearray(WHOLE)
    raw[place : place + 8] = struct.pack("<Q", number)
    tried(bytes(raw))


@FUZZ
@given(st.integers(0, len(WHOLE)), st.binary(max_size=64))
def test_cut_off_and_gone_on(length: int, more: bytes) -> None:
    tried(WHOLE[:length] + more)


def split(folder: Path, count: int = 2, **changed: Any) -> Path:
    """A model in parts, one tensor in each, which `changed` may tell lies about."""
    tensors = [ggufs.F32, ggufs.Q8, ("more", (4,), 0, 16)][:count]
    for number, tensor in enumerate(tensors):
        told = {"split.no": number, "split.count": count, "split.tensors.count": count} | changed
        pairs = {**(ggufs.SIZES if number == 0 else {}), **told}
        ggufs.write(folder / f"m-{number + 1:05}-of-{count:05}.gguf", pairs, [tensor])
    return folder / f"m-00001-of-{count:05}.gguf"


def test_parts_of_a_split_model(tmp_path: Path) -> None:
    first = split(tmp_path, 3)
    assert [part.name[2:7] for part in parts.parts(first)] == ["00001", "00002", "00003"]
    assert parts.size(first) == sum(file.stat().st_size for file in tmp_path.iterdir())
    told = header(first)
    assert (told.parameters, told.file_bytes) == (388, parts.size(first))


@pytest.mark.parametrize(
    "lie", [{"split.no": 0}, {"split.count": 3}, {"split.tensors.count": 9}, {"split.no": "1"}]
)
def test_parts_that_do_not_belong_together(lie: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable):
        parts.check(split(tmp_path, **lie))


def test_parts_that_are_not_there(tmp_path: Path) -> None:
    first = split(tmp_path)
    second = tmp_path / "m-00002-of-00002.gguf"
    with pytest.raises(ModelUnusable, match="not the first"):
        parts.parts(second)
    same = second.read_bytes().replace(b"output.weight", b"output_weight")
    second.write_bytes(same)
    parts.check(first)
    second.write_bytes(ggufs.whole({"split.no": 1, "split.count": 2}, [ggufs.F32]))
    with pytest.raises(ModelUnusable, match="too"):
        parts.check(first)
    second.unlink()
    with pytest.raises(ModelMissing):
        parts.check(first)


@pytest.mark.parametrize(
    ("more", "memory", "width"),
    [
        ({}, Memory.ATTENTION, 2 * 2 * (8 + 8)),
        ({"llama.attention.sliding_window": 512}, Memory.WINDOW, 64),
        ({"llama.ssm.state_size": 16, "llama.attention.head_count_kv": [0, 2]}, Memory.STATE, 32),
        ({"llama.shortconv.l_cache": 3}, Memory.STATE, 64),
        (
            {
                "llama.attention.head_count_kv": 1,
                "llama.attention.key_length": 576,
                "llama.attention.value_length": 512,
                "llama.attention.key_length_mla": 192,
                "llama.attention.value_length_mla": 128,
            },
            Memory.LATENT,
            2 * 576,  # no V: it is part of K
        ),
    ],
)
def test_what_its_memory_is(
    more: dict[str, Any], memory: Memory, width: int, tmp_path: Path
) -> None:
    told = header(ggufs.write(tmp_path / "one.gguf", {**ggufs.SIZES, **more}))
    assert (told.memory, told.kv_width) == (memory, width)


def test_what_it_is_called(tmp_path: Path) -> None:
    said = {"general.file_type": 15, "general.name": "Small", "general.license": "mit"}
    told = header(ggufs.write(tmp_path / "one.gguf", {**ggufs.SIZES, **said}))
    assert (told.format, told.name, told.licence) == ("Q4_K_M", "Small", "mit")
    assert header(ggufs.write(tmp_path / "two.gguf")).format == "F32"  # by most of its bytes
