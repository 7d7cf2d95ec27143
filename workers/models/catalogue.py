"""Models worth knowing of, with what can be said of them before anything is fetched.

Shapes (layers, widths, heads, vocabulary, context) are those of the `config.json` that each
model's makers published; `parameters` likewise. Sizes of files follow from them by the bits that a
format takes for a weight, within a tenth. Whether a repository still holds a file, and its sum,
only the hub can say. `strength` and `chinese` are our judgement, by size, generation and what the
makers say of the languages; nothing here was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from workers.engine.header import Header, Memory

#: Bits a weight takes in a file of this format, all tensors together, as published files show.
BITS: Mapping[str, float] = {
    "IQ2_XXS": 2.4,
    "Q2_K": 3.2,
    "Q3_K_M": 3.9,
    "Q4_0": 4.65,
    "Q4_1": 5.1,
    "Q4_K_M": 4.87,
    "Q5_K_M": 5.69,
    "Q6_K": 6.57,
    "Q8_0": 8.51,
    "F16": 16.0,
}


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
    parameters: float  #: thousand millions
    active: float  #: of them, for a token
    licence: str
    shape: Header
    chinese: Chinese
    strength: int  #: 1 to 10
    notes: str = ""
    reasons: bool = False  #: thinks before it answers, always

    def bytes_in(self, form: str) -> int:
        """About what its file takes in a format. Raises KeyError for one that is not in BITS."""
        return round(self.parameters * 1e9 * BITS[form] / 8)

    def header(self, form: str) -> Header:
        """Its sizes in a format, as the header of its file would tell them."""
        return replace(self.shape, file_bytes=self.bytes_in(form), format=form)


def find(name: str) -> Entry | None:
    """The entry of a name, in any case."""
    return next((entry for entry in CATALOGUE if entry.name == name.casefold()), None)


def _shape(
    sizes: Sequence[int],
    *,
    head: int = 128,
    vocabulary: int,
    context: int,
    memory: Memory = Memory.ATTENTION,
) -> Header:
    """`sizes`: layers, width, width of the feed-forward layer, heads, heads of K and V.

    With a latent memory the last one is the width of a token's vector in a layer.
    """
    layers, width, hidden, heads, kv = sizes
    kv_width = layers * (kv if memory is Memory.LATENT else kv * head * 2)
    return Header(layers, width, hidden, heads, context, vocabulary, kv_width, memory=memory)


def _qwen(context: int, *sizes: int) -> Header:
    return _shape(sizes, vocabulary=151_936, context=context)


def _llama(*sizes: int, head: int = 128) -> Header:
    return _shape((*sizes, 8), head=head, vocabulary=128_256, context=131_072)


def _gemma(head: int, *sizes: int) -> Header:
    window = Memory.WINDOW
    return _shape(sizes, head=head, vocabulary=262_144, context=131_072, memory=window)


QWEN2, QWEN3, DISTILLED = 32_768, 40_960, 131_072  #: contexts
APACHE, MIT, GEMMA = "Apache-2.0", "MIT", "Gemma Terms of Use"
LLAMA3, LLAMA31, LLAMA32, LLAMA33 = (
    f"Llama {version} Community License" for version in ("3", "3.1", "3.2", "3.3")
)
WEAK, FAIR, GOOD, TAIWAN = Chinese

_8B, _70B = _llama(32, 4096, 14336, 32), _llama(80, 8192, 28672, 64)
_QWEN_14B, _QWEN_32B = (48, 5120, 13824, 40, 8), (64, 5120, 27648, 40, 8)

CATALOGUE = (
    Entry("qwen3-0.6b", "Qwen/Qwen3-0.6B-GGUF", "Q8_0", 0.6, 0.6, APACHE,
          _qwen(QWEN3, 28, 1024, 3072, 16, 8), FAIR, 1, "thinks when LECTERN_THINKING is on"),
    Entry("llama-3.2-1b", "bartowski/Llama-3.2-1B-Instruct-GGUF", "Q8_0", 1.24, 1.24, LLAMA32,
          _llama(16, 2048, 8192, 32, head=64), WEAK, 2),
    Entry("gemma-3-1b", "bartowski/google_gemma-3-1b-it-GGUF", "Q8_0", 1.0, 1.0, GEMMA,
          _gemma(256, 26, 1152, 6912, 4, 1), WEAK, 2),
    Entry("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct-GGUF", "Q8_0", 1.54, 1.54, APACHE,
          _qwen(QWEN2, 28, 1536, 8960, 12, 2), FAIR, 2, "little KV a token"),
    Entry("qwen3-1.7b", "Qwen/Qwen3-1.7B-GGUF", "Q8_0", 1.72, 1.72, APACHE,
          _qwen(QWEN3, 28, 2048, 6144, 16, 8), FAIR, 3, "thinks when LECTERN_THINKING is on"),
    Entry("llama-3.2-3b", "bartowski/Llama-3.2-3B-Instruct-GGUF", "Q4_K_M", 3.21, 3.21, LLAMA32,
          _llama(28, 3072, 8192, 24), WEAK, 3),
    Entry("phi-4-mini", "bartowski/microsoft_Phi-4-mini-instruct-GGUF", "Q4_K_M", 3.84, 3.84, MIT,
          _shape((32, 3072, 8192, 24, 8), vocabulary=200_064, context=131_072), WEAK, 4),
    Entry("gemma-3-4b", "bartowski/google_gemma-3-4b-it-GGUF", "Q4_K_M", 3.88, 3.88, GEMMA,
          _gemma(256, 34, 2560, 10240, 8, 4), FAIR, 4),
    Entry("qwen3-4b", "Qwen/Qwen3-4B-GGUF", "Q4_K_M", 4.02, 4.02, APACHE,
          _qwen(QWEN3, 36, 2560, 9728, 32, 8), GOOD, 4, "thinks when LECTERN_THINKING is on"),
    Entry("mistral-7b-v0.3", "bartowski/Mistral-7B-Instruct-v0.3-GGUF", "Q4_K_M", 7.25, 7.25,
          APACHE, _shape((32, 4096, 14336, 32, 8), vocabulary=32_768, context=32_768), WEAK, 4),
    Entry("breeze-7b-32k", "chienweichang/Breeze-7B-32k-Instruct-v1_0-GGUF", "Q4_K_M", 7.49, 7.49,
          APACHE, _shape((32, 4096, 14336, 32, 8), vocabulary=61_952, context=32_768), TAIWAN, 4,
          "MediaTek Research; twice as many characters a token as Mistral"),
    Entry("qwen2.5-7b", "Qwen/Qwen2.5-7B-Instruct-GGUF", "Q4_K_M", 7.62, 7.62, APACHE,
          _qwen(QWEN2, 28, 3584, 18944, 28, 4), GOOD, 5, "little KV a token"),
    Entry("llama-3.1-8b", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "Q4_K_M", 8.03, 8.03,
          LLAMA31, _8B, WEAK, 5),
    Entry("llama-3-taiwan-8b", "chienweichang/Llama-3-Taiwan-8B-Instruct-GGUF", "Q4_K_M", 8.03,
          8.03, LLAMA3, replace(_8B, trained_context=8_192), TAIWAN, 5),
    Entry("taide-lx-8b", "QuantFactory/Llama3-TAIDE-LX-8B-Chat-Alpha1-GGUF", "Q4_K_M", 8.03, 8.03,
          f"TAIDE L Models Community License, {LLAMA3}", replace(_8B, trained_context=8_192),
          TAIWAN, 5, "made by Taiwan's TAIDE project for office work; read its terms"),
    Entry("qwen3-8b", "Qwen/Qwen3-8B-GGUF", "Q4_K_M", 8.19, 8.19, APACHE,
          _qwen(QWEN3, 36, 4096, 12288, 32, 8), GOOD, 6, "thinks when LECTERN_THINKING is on"),
    Entry("gemma-3-12b", "bartowski/google_gemma-3-12b-it-GGUF", "Q4_K_M", 11.77, 11.77, GEMMA,
          _gemma(256, 48, 3840, 15360, 16, 8), GOOD, 6),
    Entry("mistral-nemo-12b", "bartowski/Mistral-Nemo-Instruct-2407-GGUF", "Q4_K_M", 12.25, 12.25,
          APACHE, _shape((40, 5120, 14336, 32, 8), vocabulary=131_072, context=128_000), WEAK, 5),
    Entry("phi-4", "bartowski/phi-4-GGUF", "Q4_K_M", 14.66, 14.66, MIT,
          _shape((40, 5120, 17920, 40, 10), vocabulary=100_352, context=16_384), WEAK, 6),
    Entry("qwen3-14b", "Qwen/Qwen3-14B-GGUF", "Q4_K_M", 14.77, 14.77, APACHE,
          _qwen(QWEN3, 40, 5120, 17408, 40, 8), GOOD, 7, "thinks when LECTERN_THINKING is on"),
    Entry("mistral-small-24b", "bartowski/Mistral-Small-24B-Instruct-2501-GGUF", "Q4_K_M", 23.57,
          23.57, APACHE, _shape((40, 5120, 32768, 32, 8), vocabulary=131_072, context=32_768),
          FAIR, 7),
    Entry("gemma-3-27b", "bartowski/google_gemma-3-27b-it-GGUF", "Q4_K_M", 27.0, 27.0, GEMMA,
          _gemma(128, 62, 5376, 21504, 32, 16), GOOD, 7),
    Entry("qwen3-30b-a3b", "Qwen/Qwen3-30B-A3B-GGUF", "Q4_K_M", 30.53, 3.35, APACHE,
          _qwen(QWEN3, 48, 2048, 6144, 32, 4), GOOD, 7,
          "a mixture of experts: the memory of a large model, the speed of a small one"),
    Entry("qwen3-32b", "Qwen/Qwen3-32B-GGUF", "Q4_K_M", 32.76, 32.76, APACHE,
          _qwen(QWEN3, 64, 5120, 25600, 64, 8), GOOD, 8, "thinks when LECTERN_THINKING is on"),
    Entry("llama-3.3-70b", "bartowski/Llama-3.3-70B-Instruct-GGUF", "Q4_K_M", 70.55, 70.55,
          LLAMA33, _70B, FAIR, 8),
    Entry("qwen2.5-72b", "Qwen/Qwen2.5-72B-Instruct-GGUF", "Q4_K_M", 72.71, 72.71, "Qwen License",
          _qwen(QWEN2, 80, 8192, 29568, 64, 8), GOOD, 8),
    Entry("r1-distill-qwen-1.5b", "bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF", "Q8_0", 1.78,
          1.78, MIT, _qwen(DISTILLED, 28, 1536, 8960, 12, 2), WEAK, 2, reasons=True),
    Entry("r1-distill-qwen-7b", "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF", "Q4_K_M", 7.62, 7.62,
          MIT, _qwen(DISTILLED, 28, 3584, 18944, 28, 4), FAIR, 5, reasons=True),
    Entry("r1-distill-llama-8b", "bartowski/DeepSeek-R1-Distill-Llama-8B-GGUF", "Q4_K_M", 8.03,
          8.03, f"{MIT}, {LLAMA31}", _8B, WEAK, 5, reasons=True),
    Entry("r1-distill-qwen-14b", "bartowski/DeepSeek-R1-Distill-Qwen-14B-GGUF", "Q4_K_M", 14.77,
          14.77, MIT, _qwen(DISTILLED, *_QWEN_14B), FAIR, 7, reasons=True),
    Entry("r1-distill-qwen-32b", "bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF", "Q4_K_M", 32.76,
          32.76, MIT, _qwen(DISTILLED, *_QWEN_32B), FAIR, 8, reasons=True),
    Entry("r1-distill-llama-70b", "bartowski/DeepSeek-R1-Distill-Llama-70B-GGUF", "Q4_K_M", 70.55,
          70.55, f"{MIT}, {LLAMA33}", _70B, FAIR, 8, reasons=True),
    Entry("deepseek-r1", "unsloth/DeepSeek-R1-0528-GGUF", "Q4_K_M", 671.0, 37.0, MIT,
          _shape((61, 7168, 18432, 128, 576), vocabulary=129_280, context=163_840,
                 memory=Memory.LATENT), GOOD, 10,
          "for several hosts, see LECTERN_RPC_SERVERS in docs/operations.md", reasons=True),
)  # fmt: skip
