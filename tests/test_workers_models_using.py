"""Which model a process loads, and choosing another one."""

import shutil
from pathlib import Path

import pytest
from conftest import forget_settings
from test_workers_engine_memory import SIZES, gguf, number

from workers.engine import memory
from workers.engine.bundle import bundled
from workers.errors import MemoryTooSmall, ModelMissing, ModelUnusable
from workers.models import using
from workers.models.shelf import File, ModelInUse, ModelNotShelved, Shelf
from workers.models.telling import Lines
from workers.models.wishes import Stage, Wish, Wishes
from workers.settings import Settings, settings


@pytest.fixture
def shelf(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """With one model that is a header and no weights: so it is not loaded, which others try."""
    monkeypatch.setattr(using.admission, "admit", lambda *_: None)
    made = Shelf.within(data_folder)
    place = made.prepare("small", 4)
    gguf(place / "small.gguf", SIZES)
    made.put("small", [File("small.gguf", 4, "0" * 64)], "made here")
    return made


def use(
    name: str | None = None, path: Path | None = None, running: bool = False
) -> dict[str, object]:
    return using.run(Lines(), name=name, path=path and str(path), running=running)


def test_a_process_loads_the_model_in_use_as_it_was_when_it_started(shelf: Shelf) -> None:
    assert settings().model == ""
    use("small")
    assert settings().model == ""
    assert Settings().model == str(shelf.find("small").path)
    use("bundled")
    assert Settings().model == ""


def test_the_operators_word_goes_first(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.use("small")
    monkeypatch.setenv("LECTERN_MODEL", "bundled")
    forget_settings()
    assert (settings().model, settings().fixed_model) == ("", "bundled")
    with pytest.raises(using.ModelFixed, match="LECTERN_MODEL is set to bundled"):
        use("small")
    monkeypatch.setenv("LECTERN_LLM_URL", "http://127.0.0.1:1/v1")
    forget_settings()
    with pytest.raises(using.ModelFixed, match="LECTERN_LLM_URL"):
        use("small")


def test_a_file_elsewhere_may_be_used(shelf: Shelf, tmp_path: Path) -> None:
    elsewhere = shutil.copy(shelf.find("small").path, tmp_path / "other.gguf")
    assert use(path=elsewhere)["model"] == str(elsewhere)
    assert Settings().model == shelf.in_use() == str(elsewhere)
    shelf.remove("small")


def test_what_is_in_use_and_gone_is_missed_by_its_place(shelf: Shelf) -> None:
    shelf.use("small")
    with pytest.raises(ModelInUse):
        shelf.remove("small")
    shutil.rmtree(shelf.find("small").folder)
    assert Settings().model == str(shelf.folder / "small")


def test_nothing_is_asked_for_that_can_not_be(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    for given, error in (
        ({"name": "nothing"}, ModelNotShelved),
        ({"path": tmp_path / "nothing.gguf"}, ModelMissing),
        ({"path": tmp_path / "text.gguf"}, ModelUnusable),
    ):
        with pytest.raises(error):
            use(**given)  # type: ignore[arg-type]
    assert shelf.in_use() is None


def test_a_launcher_is_told_what_is_wished(shelf: Shelf, data_folder: Path) -> None:
    told = use("small", running=True)
    wish = Wishes(shelf.folder).wished()
    assert wish
    assert (wish.id, wish.name, wish.beside) == (told["wish"], "small", True)
    assert wish.path == str(shelf.find("small").path.absolute())
    assert "measured" in wish.remark
    assert shelf.in_use() is None, "not before it has proved itself"


def test_room_for_both_for_one_or_for_none(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = use("small")["context"] and using._weighed(Settings())[0]
    shelf.use(None)
    held = memory.plan(bundled(), settings(), memory_profile()).needed
    for free, beside in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        assert use("small", running=True)["beside"] is beside
    monkeypatch.setattr(memory, "available", lambda: 0)
    large = gguf(shelf.folder / "large.gguf", SIZES | {"llama.attention.key_length": number(held)})
    with pytest.raises(MemoryTooSmall, match=r"large\.gguf"):
        use(path=large, running=True)


def memory_profile() -> object:
    from workers.engine.profile import profile_for  # noqa: PLC0415

    return profile_for(settings(), bundled())


def test_wishes_and_news_survive_what_can_not_be_read(tmp_path: Path) -> None:
    wishes = Wishes(tmp_path / "models")
    assert (wishes.wished(), wishes.news()) == (None, None)
    wish = Wish("wish_1", None, "bundled", beside=True)
    wishes.wish(wish)
    wishes.tell(wish, Stage.READY, "it works")
    news = wishes.news()
    assert news
    assert (wishes.wished(), news.stage, news.final) == (wish, Stage.READY, False)
    for path in (tmp_path / "models").iterdir():
        path.write_text("[1, ")
    assert (wishes.wished(), wishes.news()) == (None, None)
