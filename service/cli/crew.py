"""The workers of this host: one for each place it has for one, all with the same model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from service.cli import parts
from service.cli.settings import settings
from service.cli.supervisor import Part
from workers import homes
from workers.models.shelf import BUNDLED, Shelf

#: What a new worker is called while it has not taken the old one's place.
NEXT = "-next"


class Crew:
    """Which workers there are to be."""

    def __init__(self, environment: Mapping[str, str], url: str, data: Path) -> None:
        """`environment`: of the other parts' addresses; `url`: of the service."""
        self.environment, self._url = environment, url
        self.shelf = Shelf.within(data)

    @property
    def fixed(self) -> str:
        """Why the model can't be changed while Lectern runs; empty if it can."""
        for name in ("LECTERN_LLM_URL", "LECTERN_MODEL"):
            if value := getattr(settings(), name.removeprefix("LECTERN_").lower()):
                return f"Lectern was started with {name}={value}, which goes before"
        return ""

    def parts(self) -> list[Part]:
        """Those of the model in use."""
        path = self.shelf.path_in_use()
        return self._parts(BUNDLED if path is None else str(path.absolute()), "")

    def next(self, model: str) -> Sequence[Part]:
        """Those that are to take their place, with another model."""
        return self._parts(model, NEXT)

    def _parts(self, model: str, ending: str) -> list[Part]:
        """Each is told its model: a new start of one must not bring another, whatever is wished."""
        told = (
            dict(self.environment) if self.fixed else {**self.environment, "LECTERN_MODEL": model}
        )
        places = homes.homes()
        if len(places) == 1:
            return [parts.worker(told | _place(places[0]), self._url, f"worker{ending}")]
        return [
            parts.worker(told | _place(node), self._url, f"worker-{node}{ending}")
            for node in places
        ]


def _place(node: int | None) -> dict[str, str]:
    return {} if node is None else {"LECTERN_NUMA_NODE": str(node)}
