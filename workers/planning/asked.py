"""What is to be planned: the words of the command line as values."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

HOURS_A_YEAR = 8_766


@dataclass(frozen=True, slots=True)
class Asked:
    """A model, a machine, the work, and what it may cost. Empty or 0: not said."""

    model: str
    hardware: str = ""  #: of the table
    sockets: int = 0
    cores: int = 0  #: of a socket
    clock: float = 0.0  #: GHz
    instructions: str = ""
    bandwidth: float = 0.0  #: GB/s of a socket, by its data sheet
    memory: str = ""  #: ddr5-4800x12, of a socket
    flops: float = 0.0  #: 10¹² operations/s of a socket, if somebody measured them
    memory_gb: float = 0.0  #: of all sockets
    watts: float = 0.0
    price: float = 0.0  #: of the machine, in any currency
    years: float = 4.0  #: over which it is written off
    price_per_hour: float = 0.0
    power_price: float = 0.0  #: of a kilowatt-hour
    prompt: int = 2_000  #: tokens of a question with its evidence
    answer: int = 250
    document_tokens: int = 30_000
    context: int = 0  #: tokens of a sequence; 0: the setting's, or what the prompt needs
    slots: int = 0  #: that write at once in an engine; 0: the setting's
    kv_type: str = "f16"
    users: int = 0
    questions: float = 4.0  #: that a person asks in an hour of work
    spread: bool = False  #: one engine over all sockets, even if each could have its own

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> "Asked":
        """Those words that are known and were said."""
        known = {field.name for field in fields(cls)}
        return cls(
            **{name: value for name, value in words.items() if name in known and value is not None}
        )

    @property
    def names_hardware(self) -> bool:
        """Whether a machine is described; if not, this one is meant."""
        return bool(self.hardware or self.bandwidth or self.memory)

    @property
    def file(self) -> Path | None:
        """The model's file, if a file is named."""
        path = Path(self.model).expanduser()
        return path if path.suffix == ".gguf" else None

    @property
    def hour(self) -> float:
        """What an hour of the machine costs, without power."""
        return self.price_per_hour or self.price / (self.years * HOURS_A_YEAR)
