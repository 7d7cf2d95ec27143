"""`lectern models use`, followed: the launcher changes the model, whoever asked for it hears how.

The wish is written by the workers' side, which looks at the file; here it is waited for.
"""

import time
from argparse import Namespace
from typing import Any

from rich.progress import Progress

from ingest.settings import settings as library_settings
from service.cli.errors import ModelsFailed
from service.cli.lock import running
from service.cli.screen import Screen
from workers.models.shelf import Shelf
from workers.models.wishes import News, Stage, Wishes

POLL_S = 0.2


def words() -> dict[str, Any]:
    """What the workers' side must know besides: whether somebody is there to change the model."""
    return {"running": running(library_settings().data) is not None}


def followed(
    told: dict[str, Any], arguments: Namespace, progress: Progress, screen: Screen
) -> dict[str, Any]:
    """How it went. Raises ModelsFailed when the old model stays."""
    if told["wish"] is None:
        return {"stage": None}
    if arguments.no_wait:
        return {"stage": "asked"}
    task = progress.add_task(f"changing to {told['model']}", total=None, remark="")
    said = None
    while not (news := _news(told["wish"])).final:
        if news != said and news.message:
            progress.update(task, description=news.stage.value, remark=news.message)
            if not screen.as_json:
                screen.note(news.message, "dim")
            said = news
        time.sleep(POLL_S)
    if news.stage is Stage.FAILED:
        raise ModelsFailed("swap_failed", news.message)
    return {"stage": news.stage.value}


def show(screen: Screen, told: dict[str, Any]) -> None:
    """For people."""
    if told["stage"] is None:
        screen.line(f"{told['model']} is in use from the next start of a worker on")
    elif told["stage"] == "asked":
        screen.line(f"asked for {told['model']}; ./lectern up says how it goes")
    else:
        screen.line(f"{told['model']} is in use; {told['was']} has left")


def _news(wish: str) -> News:
    """What was said of this wish last. Raises ModelsFailed when nothing more will come."""
    data = library_settings().data
    wishes = Wishes(Shelf.within(data).folder)
    news, wished = wishes.news(), wishes.wished()
    if news is not None and news.id == wish:
        if not news.final and running(data) is None:
            raise ModelsFailed("swap_interrupted", "Lectern ended before the model was changed.")
        return news
    if wished is None or wished.id != wish:
        raise ModelsFailed("swap_overtaken", "Somebody else chose another model meanwhile.")
    if running(data) is None:
        raise ModelsFailed("swap_interrupted", "Lectern ended before the model was changed.")
    return News(wish, Stage.STARTING, "", 0.0)
