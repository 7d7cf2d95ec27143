"""How many engines a machine gets, and whether they fit: one a socket, if its memory holds one.

The sum is the engine's own (`workers/engine/memory.py`), so that a plan is refused where a worker
would be.
"""

from dataclasses import dataclass, replace

from workers.engine import memory
from workers.engine.header import Header
from workers.engine.memory import Plan
from workers.engine.profile import fallback
from workers.planning import formats
from workers.planning.asked import Asked
from workers.planning.errors import PlanTooLarge
from workers.planning.hardware import Hardware
from workers.planning.models import Planned, of
from workers.planning.shapes import Shape
from workers.settings import settings

#: What the service, Chroma, Redis and the system take beside the engines.
OTHERS_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Placement:
    """Engines, and the sockets that each of them spans."""

    engines: int
    sockets: int  #: of an engine
    local: bool  #: whether an engine finds its weights in the memory beside it
    needs: Plan  #: of an engine
    why: str

    @property
    def needed(self) -> int:
        """Bytes of all engines and the other parts."""
        return self.engines * self.needs.needed + OTHERS_BYTES


def placed(model: Planned, machine: Hardware, asked: Asked) -> Placement:
    """One engine for each socket, or one over all where that can't be. Raises PlanTooLarge."""
    needs = needed(model, asked)
    if machine.sockets == 1 or machine.measured:
        _require(model, machine, asked, needs)
        return Placement(1, machine.sockets, machine.sockets == 1, needs, "one socket")
    room = machine.memory / machine.sockets
    fits = not machine.memory or needs.needed + OTHERS_BYTES <= room
    if fits and not asked.spread:
        why = "an engine for each socket, each with its own copy of the weights beside it"
        return Placement(machine.sockets, 1, True, needs, why)
    _require(model, machine, asked, needs)
    why = "as asked" if fits else f"{_gb(needs.needed + OTHERS_BYTES)} do not fit {_gb(room)}"
    return Placement(1, machine.sockets, False, needs, f"one engine over all sockets: {why}")


def needed(model: Planned, asked: Asked) -> Plan:
    """What an engine takes."""
    wanted = settings().model_copy(update={"context": context(asked), "batch_slots": slots(asked)})
    profile = replace(fallback(wanted), kv_type=asked.kv_type)
    return memory.planned(model.size, header_of(model.shape, context(asked)), wanted, profile)


def context(asked: Asked) -> int:
    """Tokens of a sequence: as said, or the setting; no less than a question with its answer."""
    least = 1_024 * -(-(asked.prompt + asked.answer) // 1_024)
    return max(asked.context or settings().context, least)


def slots(asked: Asked) -> int:
    """Answers that an engine writes at once."""
    return asked.slots or settings().batch_slots


def header_of(shape: Shape, cells: int) -> Header:
    """What the header of such a model's file would say."""
    return Header(
        layers=shape.layers,
        width=shape.width,
        hidden=max(shape.hidden, shape.used * shape.expert_hidden),
        heads=shape.heads,
        trained_context=shape.context,
        vocabulary=shape.vocabulary,
        kv_width=round(shape.cell(cells)),
    )


def _require(model: Planned, machine: Hardware, asked: Asked, needs: Plan) -> None:
    room = machine.memory
    if not room or needs.needed + OTHERS_BYTES <= room:
        return
    raise PlanTooLarge(
        model=model.name,
        sum=f"{needs}, and {_gb(OTHERS_BYTES)} for the other parts",
        where="the machine",
        room=_gb(room),
        way_out=_way_out(model, asked, room),
    )


def _way_out(model: Planned, asked: Asked, room: int) -> str:
    """The largest format that would fit, and what makes KV smaller."""
    forms = sorted((of(model.shape, form) for form in formats.MIXTURES), key=lambda one: -one.size)
    for each in forms:
        if each.size < model.size and needed(each, asked).needed + OTHERS_BYTES <= room:
            return f"{each.form} ({_gb(each.size)} of weights) would."
    return "No format of it would; take a smaller model, --slots or --context."


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
