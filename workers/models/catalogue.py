"""Models worth knowing of, with what can be said of them before anything is fetched.

Shapes are the published ones (`workers/planning/models.csv`), and sizes of files follow from them
(`workers.planning.formats`). Licences are those that their makers name; read them. Whether a
repository still holds a file, and its sum, only the hub can say. `strength` and `chinese` are our
judgement, by size, generation and what the makers say of the languages; nothing was measured.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from workers.engine.header import Header, Memory
from workers.planning import models
from workers.planning.models import Planned
from workers.planning.placing import header_of
from workers.planning.shapes import find as shape_of


class Chinese(IntEnum):
    """How well a model writes Traditional Chinese."""

    WEAK = 0
    FAIR = 1
    GOOD = 2  #: tends to Simplified characters, which Lectern turns back
    TAIWAN = 3  #: trained further for it


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be pulled by its name here."""

    name: str
    repository: str  #: with GGUF files, on the hub
    usual: str  #: the format that its size suggests
    shape: str  #: its row among the published shapes
    licence: str
    chinese: Chinese
    strength: int  #: 1 to 10
    notes: str = ""
    reasons: bool = False  #: thinks before it answers, always

    @property
    def planned(self) -> Planned:
        """Its shape in the usual format."""
        return models.of(shape_of(self.shape), self.usual)

    def header(self) -> Header:
        """What the header of its file will say, as far as that is known."""
        model = self.planned
        shape, latent = model.shape, bool(model.shape.kv_rank)
        memory = Memory.WINDOW if shape.window else Memory.ATTENTION
        return replace(
            header_of(shape, 0),  # the engine keeps whole sequences, window or not
            file_bytes=model.size,
            format=self.usual,
            memory=Memory.LATENT if latent else memory,
        )


def find(name: str) -> Entry | None:
    """The entry of a name, in any case."""
    return next((entry for entry in CATALOGUE if entry.name == name.casefold()), None)


APACHE, MIT, GEMMA = "Apache-2.0", "MIT", "Gemma Terms of Use"
LLAMA3, LLAMA31, LLAMA32, LLAMA33 = (
    f"Llama {version} Community License" for version in ("3", "3.1", "3.2", "3.3")
)
TAIDE = f"TAIDE L Models Community License, {LLAMA3}"
WEAK, FAIR, GOOD, TAIWAN = Chinese
BY_SETTING = "thinks when LECTERN_THINKING is on"

#: From weak to strong; those that always think come after.
CATALOGUE = (
    Entry("qwen3-0.6b", "Qwen/Qwen3-0.6B-GGUF", "Q8_0", "Qwen3-0.6B", APACHE, FAIR, 1, BY_SETTING),
    Entry("gemma-3-1b", "bartowski/google_gemma-3-1b-it-GGUF", "Q8_0", "Gemma-3-1B", GEMMA,
          WEAK, 2),
    Entry("llama-3.2-1b", "bartowski/Llama-3.2-1B-Instruct-GGUF", "Q8_0", "Llama-3.2-1B", LLAMA32,
          WEAK, 2),
    Entry("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "Q8_0", "Qwen2.5-1.5B", APACHE,
          FAIR, 2, "little KV a token"),
    Entry("qwen3-1.7b", "Qwen/Qwen3-1.7B-GGUF", "Q8_0", "Qwen3-1.7B", APACHE, FAIR, 3, BY_SETTING),
    Entry("llama-3.2-3b", "bartowski/Llama-3.2-3B-Instruct-GGUF", "Q4_K_M", "Llama-3.2-3B",
          LLAMA32, WEAK, 3),
    Entry("phi-4-mini", "bartowski/microsoft_Phi-4-mini-instruct-GGUF", "Q4_K_M", "Phi-4-mini",
          MIT, WEAK, 4),
    Entry("gemma-3-4b", "bartowski/google_gemma-3-4b-it-GGUF", "Q4_K_M", "Gemma-3-4B", GEMMA,
          FAIR, 4),
    Entry("qwen3-4b", "Qwen/Qwen3-4B-GGUF", "Q4_K_M", "Qwen3-4B", APACHE, GOOD, 4, BY_SETTING),
    Entry("mistral-7b-v0.3", "bartowski/Mistral-7B-Instruct-v0.3-GGUF", "Q4_K_M",
          "Mistral-7B-v0.3", APACHE, WEAK, 4),
    Entry("breeze-7b-32k", "chienweichang/Breeze-7B-32k-Instruct-v1_0-GGUF", "Q4_K_M",
          "Breeze-7B-32k", APACHE, TAIWAN, 4, "MediaTek Research; fewer tokens for Chinese text"),
    Entry("qwen2.5-7b", "Qwen/Qwen2.5-7B-Instruct-GGUF", "Q4_K_M", "Qwen2.5-7B", APACHE, GOOD, 5,
          "little KV a token"),
    Entry("llama-3.1-8b", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "Q4_K_M", "Llama-3.1-8B",
          LLAMA31, WEAK, 5),
    Entry("llama-3-taiwan-8b", "chienweichang/Llama-3-Taiwan-8B-Instruct-GGUF", "Q4_K_M",
          "Llama-3-8B", LLAMA3, TAIWAN, 5),
    Entry("taide-lx-8b", "QuantFactory/Llama3-TAIDE-LX-8B-Chat-Alpha1-GGUF", "Q4_K_M",
          "Llama-3-8B", TAIDE, TAIWAN, 5, "by Taiwan's TAIDE project, for office work"),
    Entry("mistral-nemo-12b", "bartowski/Mistral-Nemo-Instruct-2407-GGUF", "Q4_K_M",
          "Mistral-Nemo-12B", APACHE, WEAK, 5),
    Entry("qwen3-8b", "Qwen/Qwen3-8B-GGUF", "Q4_K_M", "Qwen3-8B", APACHE, GOOD, 6, BY_SETTING),
    Entry("gemma-3-12b", "bartowski/google_gemma-3-12b-it-GGUF", "Q4_K_M", "Gemma-3-12B", GEMMA,
          GOOD, 6),
    Entry("phi-4", "bartowski/phi-4-GGUF", "Q4_K_M", "Phi-4-14B", MIT, WEAK, 6),
    Entry("qwen3-14b", "Qwen/Qwen3-14B-GGUF", "Q4_K_M", "Qwen3-14B", APACHE, GOOD, 7, BY_SETTING),
    Entry("mistral-small-24b", "bartowski/Mistral-Small-24B-Instruct-2501-GGUF", "Q4_K_M",
          "Mistral-Small-24B", APACHE, FAIR, 7),
    Entry("gemma-3-27b", "bartowski/google_gemma-3-27b-it-GGUF", "Q4_K_M", "Gemma-3-27B", GEMMA,
          GOOD, 7),
    Entry("qwen3-30b-a3b", "Qwen/Qwen3-30B-A3B-GGUF", "Q4_K_M", "Qwen3-30B-A3B", APACHE, GOOD, 7,
          "a mixture of experts: as large as one model, as fast as a small one"),
    Entry("qwen3-32b", "Qwen/Qwen3-32B-GGUF", "Q4_K_M", "Qwen3-32B", APACHE, GOOD, 8, BY_SETTING),
    Entry("llama-3.3-70b", "bartowski/Llama-3.3-70B-Instruct-GGUF", "Q4_K_M", "Llama-3.3-70B",
          LLAMA33, FAIR, 8),
    Entry("qwen2.5-72b", "Qwen/Qwen2.5-72B-Instruct-GGUF", "Q4_K_M", "Qwen2.5-72B",
          "Qwen License", GOOD, 8),
    Entry("r1-distill-qwen-1.5b", "bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF", "Q8_0",
          "DeepSeek-R1-Distill-Qwen-1.5B", MIT, WEAK, 2, reasons=True),
    Entry("r1-distill-qwen-7b", "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF", "Q4_K_M",
          "DeepSeek-R1-Distill-Qwen-7B", MIT, FAIR, 5, reasons=True),
    Entry("r1-distill-llama-8b", "bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF", "Q4_K_M",
          "Llama-3.1-8B", f"{MIT}, {LLAMA31}", WEAK, 5, reasons=True),
    Entry("r1-distill-qwen-14b", "bartowski/DeepSeek-R1-Distill-Qwen-14B-GGUF", "Q4_K_M",
          "DeepSeek-R1-Distill-Qwen-14B", MIT, FAIR, 7, reasons=True),
    Entry("r1-distill-qwen-32b", "bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF", "Q4_K_M",
          "DeepSeek-R1-Distill-Qwen-32B", MIT, FAIR, 8, reasons=True),
    Entry("r1-distill-llama-70b", "bartowski/DeepSeek-R1-Distill-Llama-70B-GGUF", "Q4_K_M",
          "Llama-3.3-70B", f"{MIT}, {LLAMA33}", FAIR, 8, reasons=True),
    Entry("deepseek-r1", "unsloth/DeepSeek-R1-0528-GGUF", "Q4_K_M", "DeepSeek-R1-671B", MIT,
          GOOD, 10, "for several hosts together", reasons=True),
)  # fmt: skip
