"""This machine: what the tuner measured with its model, turned into rates for other models."""

import psutil

from workers.engine import bundle, profile
from workers.engine.machine import machine
from workers.engine.profile import SHIPPED, Profile
from workers.engine.topology import topology
from workers.planning import files, models
from workers.planning.errors import NotMeasured
from workers.planning.hardware import ASSUMED_CLOCK, GIGA, UNPACKING, Hardware
from workers.planning.models import Planned
from workers.planning.rates import ATTENTION_SHARE, KV_SHARE, Speed
from workers.settings import settings

#: Tokens at which the tuner measures: of a prompt, and before an answer (workers/engine/trial.py).
PROMPT, DEPTH = 768, 768


def here() -> Hardware:
    """What is known of this machine. Raises NotMeasured, ModelMissing or ModelUnusable.

    Rates are what the measured model got: a step's overhead is in them, so that a larger model may
    do better, and other formats may be faster or slower.
    """
    source = bundle.source(settings().model)
    found = profile.measured(source)
    if not found or not found.decode_rate or not found.prefill_rate:
        raise NotMeasured
    nodes, told = topology(), machine()
    used = _measured_model(found)
    return Hardware(
        name=f"this machine ({told.cpu})",
        sockets=len(nodes.nodes),
        cores=nodes.cores,
        clock=0.0,
        instructions="",
        bandwidth=0.0,
        source=(
            f"measured here with {used.name}: {found.prefill_rate:.0f} tokens/s of a prompt, "
            f"{found.decode_rate:.0f} of an answer"
        ),
        memory=psutil.virtual_memory().total,
        measured=speed_of(found, used, nodes.cores),
    )


def speed_of(found: Profile, model: Planned, cores: int) -> Speed:
    """Rates that bring the measured figures by the formulas of `rates`, barriers left out."""
    demand = model.demand
    weights = demand.dense_weights + demand.expert_weights
    attention = PROMPT / 2 * demand.cell_operations / ATTENTION_SHARE
    unpacked = found.decode_rate * demand.packed
    return Speed(
        bandwidth=found.decode_rate * (demand.read(1) + DEPTH * demand.cell_bytes / KV_SHARE),
        unpacking=max(unpacked, cores * ASSUMED_CLOCK * GIGA * UNPACKING),
        operations=found.prefill_rate * (2 * weights + attention),
        barrier=0.0,
    )


def _measured_model(found: Profile) -> Planned:
    """The model that the profile was measured with, in the format it was measured in."""
    source = bundle.source(settings().model)
    read = files.read(source)
    return read if found.weights == SHIPPED else models.of(read.shape, found.weights)
