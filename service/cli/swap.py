"""Another model for the workers that run: the new ones prove themselves, then the old ones leave.

A few states, gone through step by step between the launcher's other duties:

    emptying → starting → leaving → done     there is no room for both: the old ones go first
    starting → leaving → done                the new ones start beside them
    starting → clearing → failed             the old ones stay, or are started again

An old worker finishes the steps it holds (SIGUSR2: it takes no new ones); jobs go on with the new
one. Until a new one has been heard nothing has changed, and nothing says so.
"""

import signal
import time
from collections.abc import Callable, Sequence

from ingest.errors import LecternError
from service.cli.crew import Crew
from service.cli.logs import from_here, last_words
from service.cli.supervisor import Duty, Keeper, Part, Supervisor
from workers.models.wishes import Stage, Wish, Wishes

#: After it has given back what it could not finish by its own limit (`workers.runtime`).
DRAIN_S = 930.0
CLEAR_S = 30.0

#: Name of a model, stage of the change, and in words.
Told = Callable[[str, str, str], None]


class Swap:
    """One change of the model."""

    def __init__(
        self,
        wish: Wish,
        old: Sequence[Keeper],
        new: Sequence[Part],
        supervisor: Supervisor,
        desk: "Swaps",
    ) -> None:
        """`new`: one for each old worker; `desk` notes and tells what came of it."""
        self.wish, self._old, self._parts = wish, list(old), list(new)
        self._names = [keeper.part.name for keeper in old]
        self._supervisor, self._desk = supervisor, desk
        self._new: list[Keeper] = []
        self._reason = ""
        self._deadline = 0.0
        self._state = self._start if wish.beside else self._empty
        self.ended: Stage | None = None

    def step(self) -> None:
        """Go on if it can go on now; sets `ended` at the end."""
        self._state()

    @property
    def workers(self) -> list[Keeper]:
        """The workers that are to stay, once it has ended."""
        return self._old if self.ended is Stage.FAILED else self._new

    def _tell(self, stage: Stage, message: str) -> None:
        self._desk.tell(self.wish, stage, message)

    def _empty(self) -> None:
        self._tell(
            Stage.EMPTYING,
            f"no room for both, so {_many(self._old)} first finishes what it holds; "
            "new jobs wait meanwhile",
        )
        self._let_go(self._old)
        self._state = self._emptying

    def _emptying(self) -> None:
        if self._gone(self._old):
            self._start()

    def _start(self) -> None:
        remark = f"; {self.wish.remark}" if self.wish.remark else ""
        self._tell(Stage.STARTING, f"starting {_many(self._parts)}{remark}")
        self._new = [self._supervisor.launch(part, Duty.PROVE) for part in self._parts]
        self._state = self._starting

    def _starting(self) -> None:
        for keeper in self._new:
            if how := keeper.ended():
                self._give_up(_words(keeper, f"it ended with {how}"))
                return
            if time.monotonic() - keeper.began > keeper.part.patience_s:
                self._give_up(_words(keeper, f"not ready after {keeper.part.patience_s:.0f} s"))
                return
        if all(keeper.ready for keeper in self._new):
            self._adopt()

    def _adopt(self) -> None:
        """From here on there is no way back, and none is needed."""
        try:
            self._desk.note(self.wish)
        except (LecternError, OSError) as error:
            self._give_up(str(error))
            return
        for keeper in self._new:
            keeper.duty, keeper.announced = Duty.STAY, True
        message = "it works"
        if self.wish.beside:
            message += f"; {_many(self._old)} finishes what it holds and leaves"
            self._let_go(self._old)
        self._tell(Stage.READY, message)
        self._state = self._leaving

    def _leaving(self) -> None:
        if not self._gone(self._old):
            return
        for keeper in self._old:
            self._supervisor.forget(keeper)
        for keeper, name in zip(self._new, self._names, strict=True):
            keeper.be(name)
        self._tell(Stage.DONE, "it is in use; the old one has left")
        self.ended = Stage.DONE

    def _give_up(self, reason: str) -> None:
        self._reason = reason
        for each in self._new:
            each.signal(signal.SIGTERM)
        self._deadline = time.monotonic() + CLEAR_S
        self._state = self._clearing

    def _clearing(self) -> None:
        if not self._gone(self._new):
            return
        for keeper in self._new:
            self._supervisor.forget(keeper)
        for keeper in self._old:
            keeper.duty = Duty.STAY
            if not keeper.has_process and keeper.retry_at is None:
                keeper.spawn()
        self._tell(Stage.FAILED, f"the old model stays: {self._reason}")
        self.ended = Stage.FAILED

    def _let_go(self, keepers: Sequence[Keeper]) -> None:
        for keeper in keepers:
            keeper.duty, keeper.retry_at = Duty.LEAVE, None
            keeper.signal_alone(signal.SIGUSR2)
        self._deadline = time.monotonic() + DRAIN_S

    def _gone(self, keepers: Sequence[Keeper]) -> bool:
        """Whether all have ended. Who is late is hurried, and killed in the end."""
        late = time.monotonic() - self._deadline
        there = [keeper for keeper in keepers if keeper.has_process and keeper.ended() is None]
        for keeper in there:
            if late > keeper.part.grace_s:
                keeper.signal(signal.SIGKILL)
            elif late > 0:
                keeper.signal_alone(signal.SIGTERM)
        return not there


class Swaps:
    """Sees wishes and has them fulfilled, one after the other."""

    def __init__(
        self, crew: Crew, supervisor: Supervisor, workers: Sequence[Keeper], report: Told
    ) -> None:
        """`report`: as `Report.model`."""
        self._crew, self._supervisor, self._report = crew, supervisor, report
        self._workers, self._wishes = list(workers), Wishes(crew.shelf.folder)
        news = self._wishes.news()
        #: What an earlier launcher has begun is not gone on with.
        self._known = news.id if news else ""
        self._swap: Swap | None = None

    def look(self) -> None:
        """Go on with what was begun, or begin with what is wished."""
        if self._swap is not None:
            self._swap.step()
            if self._swap.ended:
                self._workers, self._swap = self._swap.workers, None
        elif (wish := self._wishes.wished()) is not None and wish.id != self._known:
            self._begin(wish)

    def close(self) -> None:
        """Whoever waits is told that nothing more will come."""
        if self._swap is not None:
            self.tell(self._swap.wish, Stage.FAILED, "Lectern was stopped before it was done")

    def note(self, wish: Wish) -> None:
        """Its model is the one in use. Raises ModelNotShelved."""
        self._crew.shelf.use(wish.name)

    def tell(self, wish: Wish, stage: Stage, message: str) -> None:
        """Say how far it is, here and to who wished it."""
        self._wishes.tell(wish, stage, message)
        self._report(wish.title, stage.value, message)

    def _begin(self, wish: Wish) -> None:
        self._known = wish.id
        if self._crew.fixed:
            self.tell(wish, Stage.FAILED, self._crew.fixed)
            return
        new = self._crew.next(wish.path)
        self._swap = Swap(wish, self._workers, new, self._supervisor, self)


def _words(keeper: Keeper, how: str) -> str:
    """Why it did not come to work: how it ended, and what it said last."""
    words = last_words(keeper.log)
    said = f", after it had said: {words}" if words else ""
    return f"{how}{said} (log: {from_here(keeper.log)})"


def _many(things: Sequence[object]) -> str:
    return "the worker" if len(things) == 1 else f"each of {len(things)} workers"
