"""Models fetched from a made hub: whole and checked, or not there."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ggufs
import pytest
from conftest import forget_settings
from hub import COMMIT, TOKEN, Files, MadeHub, made_hub
from huggingface_hub import constants

from ingest.errors import LecternError
from service.cli.__main__ import main
from workers.engine.bundle import bundled
from workers.errors import ModelUnusable
from workers.models import errors, fetching, pulling
from workers.models import shelf as shelves
from workers.models.choosing import candidates, choose
from workers.models.hub import Remote
from workers.models.ledger import Ledger
from workers.models.shelf import Shelf

WEIGHTS = ggufs.whole()
FOUND = {"library": "0.3.36", "cuts": True, "wrote": "A levee"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeHub]:
    with made_hub() as made:
        monkeypatch.setenv("LECTERN_MODEL_MIRROR", made.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent")
        monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0)
        monkeypatch.setattr(pulling, "examine", lambda *_, **__: FOUND)  # these are no models
        forget_settings()
        yield made


def pull(what: str, **words: Any) -> dict[str, Any]:
    return pulling.run(lambda *_: None, what=what, **words)


@pytest.fixture
def shelf(data_folder: Path) -> Shelf:
    return Shelf(data_folder / "models")


def test_a_model_with_all_that_is_known_of_it(hub: MadeHub, shelf: Shelf) -> None:
    hub.add(Files("made/Small-GGUF", {"small-Q8_0.gguf": WEIGHTS, "README.md": b"#"}))
    told = pull("made/Small-GGUF")
    (found,) = shelf
    assert (found.name, found.licence) == ("small-Q8_0", "apache-2.0")
    assert found.origin == told["origin"] == f"hf:made/Small-GGUF@{COMMIT}"
    assert found.examined == FOUND
    assert found.path.read_bytes() == WEIGHTS
    assert found.files[0].sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    left = {path.name for path in found.folder.iterdir()}
    assert left == {"model.json", "small-Q8_0.gguf", ".lock"}
    assert Ledger(shelf.folder).examined(found.path) == FOUND
    with pytest.raises(shelves.ModelThere):
        pull("made/Small-GGUF")


def test_it_goes_on_where_it_broke_off(hub: MadeHub, shelf: Shelf) -> None:
    files = hub.add(Files("made/m", {"m.gguf": WEIGHTS}, breaks=[100, 50, 0, 1]))
    pull("made/m")
    spans = hub.downloads()
    assert spans == [None, "bytes=100-", "bytes=150-", "bytes=150-", "bytes=151-"]
    assert shelf.find("m").path.read_bytes() == files.content["m.gguf"]


def test_another_day_goes_on_too(
    hub: MadeHub, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TRIES", 1)
    files = hub.add(Files("made/m", {"m.gguf": WEIGHTS}, breaks=[100, 0]))
    with pytest.raises(errors.DownloadBroken, match="100 of"):
        pull("made/m")
    assert list(shelf) == []
    assert list(shelf.begun()) == ["m"]
    files.breaks = []
    pull("made/m")
    assert hub.downloads()[-1] == "bytes=100-"
    assert shelf.find("m").path.read_bytes() == WEIGHTS


def test_a_file_that_changed_meanwhile_is_begun_anew(
    hub: MadeHub, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TRIES", 1)
    files = hub.add(Files("made/m", {"m.gguf": WEIGHTS}, breaks=[100, 0]))
    with pytest.raises(errors.DownloadBroken):
        pull("made/m")
    changed = bytearray(WEIGHTS)
    changed[-1] = 1
    files.content["m.gguf"], files.breaks = bytes(changed), []
    pull("made/m")
    assert hub.downloads()[-1] is None
    assert shelf.find("m").path.read_bytes() == bytes(changed)


def test_a_server_that_can_only_begin_at_the_beginning(hub: MadeHub, shelf: Shelf) -> None:
    hub.add(Files("made/m", {"m.gguf": WEIGHTS}, breaks=[100], ranges=False))
    pull("made/m")
    assert shelf.find("m").path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        ({"sums": {"m.gguf": "0" * 64}}, errors.DownloadDiffers),
        ({"longer": 10}, errors.DownloadDiffers),
    ],
)
def test_what_is_not_what_was_announced(
    lie: dict[str, Any], kind: type[LecternError], hub: MadeHub, shelf: Shelf
) -> None:
    hub.add(Files("made/m", {"m.gguf": WEIGHTS}, **lie))
    with pytest.raises(kind):
        pull("made/m")
    assert list(shelf) == []
    assert not [path for path in shelf.place("m").iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize("more", [-7, 7])
def test_a_size_that_is_a_lie(
    more: int, hub: MadeHub, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's list and its file server agree on a size that the file does not have."""
    monkeypatch.setattr(fetching, "TRIES", 2)
    hub.add(Files("made/m", {"m.gguf": WEIGHTS}, sizes={"m.gguf": len(WEIGHTS) + more}))
    with pytest.raises((errors.DownloadDiffers, errors.DownloadBroken)):
        pull("made/m")
    assert list(shelf) == []


def test_a_gated_repository_wants_a_token(hub: MadeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(Files("made/gated", {"m.gguf": WEIGHTS}, gated=True))
    with pytest.raises(errors.RepositoryLocked, match="HF_TOKEN"):
        pull("made/gated")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert pull("made/gated")["name"] == "m"
    assert {token for *_, token in hub.asked[1:]} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("what", "words", "kind"),
    [
        ("made/none", {}, errors.RepositoryMissing),
        ("made/m", {"revision": "v9"}, errors.RepositoryMissing),
        ("made/m:Q2_K", {}, errors.ModelFileMissing),
        ("made/m:other.gguf", {}, errors.ModelFileMissing),
        ("made/several", {}, errors.ChoiceUnclear),
        ("made/empty", {}, errors.ModelFileMissing),
        ("no-such-name", {}, errors.SourceUnclear),
        ("../../etc/passwd", {}, errors.SourceUnclear),
        ("made/m", {"name": "../up"}, shelves.ModelNameUnusable),
        ("made/m", {"sha256": "0" * 64}, errors.DownloadDiffers),
    ],
)
def test_what_can_not_be_had(
    what: str, words: dict[str, Any], kind: type[LecternError], hub: MadeHub, shelf: Shelf
) -> None:
    hub.add(Files("made/m", {"m-Q8_0.gguf": WEIGHTS}))
    hub.add(Files("made/several", {"m-Q8_0.gguf": WEIGHTS, "m-Q6_K.gguf": WEIGHTS}))
    hub.add(Files("made/empty", {"model.safetensors": b"x", "mmproj-F16.gguf": WEIGHTS}))
    with pytest.raises(kind):
        pull(what, **words)
    assert list(shelf) == []


def test_a_hub_that_is_away_or_talks_nonsense(
    hub: MadeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = hub.add(Files("made/m", {"m.gguf": WEIGHTS}, commit="not a commit"))
    with pytest.raises(errors.HubUnreachable):
        pull("made/m")
    files.commit = COMMIT
    monkeypatch.setattr(Files, "told", lambda _: ["no", "object"])
    with pytest.raises(errors.HubUnreachable):
        pull("made/m")
    monkeypatch.setenv("LECTERN_MODEL_MIRROR", "http://127.0.0.1:9")
    forget_settings()
    with pytest.raises(errors.HubUnreachable):
        pull("made/m")


def test_offline_nothing_is_asked(hub: MadeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for what in ("made/m", "qwen3-8b", f"{hub.url}/cdn/made/m/m.gguf"):
        with pytest.raises(errors.HubOffline):
            pull(what)
    assert hub.asked == []


def test_parts_of_a_split_model(hub: MadeHub, shelf: Shelf) -> None:
    content = {
        f"Q4_K_M/Big-Q4_K_M-{number:05}-of-00002.gguf": ggufs.whole(
            {**ggufs.SIZES, "split.no": number - 1, "split.count": 2}, [tensor]
        )
        for number, tensor in ((2, ggufs.Q8), (1, ggufs.F32))
    }
    hub.add(Files("made/big", {**content, "Big-Q8_0-00001-of-00009.gguf": WEIGHTS}))
    pull("made/big:q4_k_m", name="big")
    names = [file.name for file in shelf.find("big").files]
    assert names == ["big-00001-of-00002.gguf", "big-00002-of-00002.gguf"]


def test_no_room_is_said_before_anything_comes(
    hub: MadeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(Files("made/m", {"m.gguf": WEIGHTS}, sizes={"m.gguf": 1 << 50}))
    with pytest.raises(shelves.DiskTooSmall):
        pull("made/m")
    assert hub.downloads() == []


def test_a_model_off_the_list_is_not_even_fetched(
    hub: MadeHub, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(Files("made/m", {"m.gguf": WEIGHTS}))
    monkeypatch.setenv("LECTERN_MODEL_ALLOW", "0" * 64)
    forget_settings()
    with pytest.raises(errors.ModelNotAllowed):
        pull("made/m")
    assert hub.downloads() == []
    monkeypatch.setenv("LECTERN_MODEL_ALLOW", hashlib.sha256(WEIGHTS).hexdigest())
    forget_settings()
    assert pull("made/m")["name"] == "m"


def test_what_is_unusable_is_no_model(
    hub: MadeHub, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, **_: Any) -> dict[str, Any]:
        raise ModelUnusable(path=path, reason="made to be")

    monkeypatch.setattr(pulling, "examine", refused)
    hub.add(Files("made/m", {"m.gguf": WEIGHTS}))
    with pytest.raises(ModelUnusable):
        pull("made/m")
    assert list(shelf) == []
    assert list(shelf.begun()) == ["m"]


def test_a_page_of_the_hub_is_its_repository(hub: MadeHub, shelf: Shelf) -> None:
    hub.add(Files("made/m", {"m-Q8_0.gguf": WEIGHTS, "m-Q6_K.gguf": WEIGHTS}))
    told = pull(f"{hub.url}/made/m/blob/main/m-Q6_K.gguf")
    assert (told["name"], told["origin"]) == ("m-Q6_K", f"hf:made/m@{COMMIT}")


def test_any_address_of_a_file(hub: MadeHub, shelf: Shelf) -> None:
    hub.add(Files("made/m", {"own model.gguf": WEIGHTS}, breaks=[64]))
    told = pull(f"{hub.url}/cdn/made/m/own%20model.gguf?secret=1")
    assert told["name"] == "own-model"
    assert told["stated"] is False
    assert told["origin"].endswith("/cdn/made/m/own%20model.gguf")
    hub.add(Files("made/m", {"page.html": b"<p>"}))
    with pytest.raises(errors.SourceUnclear):
        pull(f"{hub.url}/cdn/made/m/page.html")


def remote(path: str) -> Remote:
    return Remote(path, "http://127.0.0.1:9", 1)


def test_formats_in_names() -> None:
    names = {
        "Qwen3-8B-Q4_K_M.gguf": "Q4_K_M",
        "qwen2.5-7b-instruct-q5_0.gguf": "Q5_0",
        "qwen2.5-0.5b-instruct-fp16.gguf": "F16",
        "Llama-3.2-1B-Instruct-IQ4_XS.gguf": "IQ4_XS",
        "model.Q2_K.gguf": "Q2_K",
        "m-UD-Q4_K_XL.gguf": "Q4_K_XL",
        "m-BF16.gguf": "BF16",
        "plain.gguf": "",
    }
    assert {one.files[0].path: one.format for one in candidates(map(remote, names))} == names


def test_the_usual_format_goes_without_saying() -> None:
    found = candidates(map(remote, ["m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-Q2_K.gguf"]))
    assert choose(found, "", "here").format == "Q4_K_M"
    assert choose(found, "m-Q2_K.gguf", "here").format == "Q2_K"
    with pytest.raises(errors.ChoiceUnclear):
        choose(candidates(map(remote, ["a/m-Q8_0.gguf", "b/m-Q8_0.gguf"])), "Q8_0", "here")


@pytest.mark.model
def test_by_command_from_the_hub_to_the_shelf(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything real but the hub: the program, the download, the process that examines."""
    with made_hub() as made:
        made.add(Files("made/smol", {"smol-Q4_1.gguf": bundled().read_bytes()}, breaks=[10**7]))
        monkeypatch.setenv("LECTERN_MODEL_MIRROR", made.url)
        assert main(["models", "pull", "made/smol", "--name", "smol", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["examined"]["cuts"] is True
    assert told["examined"]["wrote"]
    assert main(["models", "list"]) == 0
    shown = capsys.readouterr().out
    assert "Q4_1" in shown
    assert "22 KiB" in shown  # 30 layers × 3 heads × 64 × 2 × 2 bytes, half a KiB more
    assert main(["models", "show", "smol"]) == 0
    assert told["examined"]["wrote"] in capsys.readouterr().out
