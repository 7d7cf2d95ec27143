"""What can keep a plan from being made, named.

LecternError
└── PlanImpossible
    ├── ModelUnknown, FormatUnknown          what the model's name says
    ├── HardwareUnknown, HardwareUntold,
    │   MemoryUnclear, NotMeasured           what is said of the machine
    └── PlanTooLarge                         the model and the memory
"""

from ingest.errors import LecternError


class PlanImpossible(LecternError):
    """No plan can be made."""

    code = "plan_impossible"


class ModelUnknown(PlanImpossible):
    """There is no model called “{name}” in the table; there are: {names}. A GGUF file will do
    too.
    """

    code = "plan_model_unknown"


class FormatUnknown(PlanImpossible):
    """Nothing is known of the weight format of “{name}”; known are: {names}."""

    code = "plan_format_unknown"


class HardwareUnknown(PlanImpossible):
    """There is no hardware called “{name}” in the table; there are: {names}."""

    code = "plan_hardware_unknown"


class HardwareUntold(PlanImpossible):
    """The memory's bandwidth decides: give --bandwidth GB/s or --memory ddr5-4800x12 (of one
    socket), or take known hardware by --hardware NAME.
    """

    code = "plan_hardware_untold"


class MemoryUnclear(PlanImpossible):
    """“{text}” does not say a memory; write the kind, its speed and the channels of one socket,
    as in ddr5-4800x12.
    """

    code = "plan_memory_unclear"


class NotMeasured(PlanImpossible):
    """This machine has not been measured yet. ./lectern tune does it in five minutes; or describe a
    machine with --hardware, --memory or --bandwidth.
    """

    code = "plan_not_measured"


class PlanTooLarge(PlanImpossible):
    """{model} does not fit: {sum}; {where} has {room}. {way_out}"""

    code = "plan_too_large"
