"""How near the engine comes to what the machine can do, on a made model of a billion parameters.

Writing one token reads every weight once: bytes per second against the measured bandwidth. Reading
a prompt multiplies matrices: operations per second against numpy's own product.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import machine, prompts
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.clock import Question, Reply, ask
from benchmarks.figures import Row, Sample
from benchmarks.lectern import Lectern
from benchmarks.models import FORMATS, billion, parameters
from benchmarks.peer import Peer
from benchmarks.servers import Setting

PROMPT_TOKENS = 700
ANSWER_TOKENS = 32
DECODE_TARGET, PREFILL_TARGET = 0.65, 0.6
BILLION = 1e9


def run(bench: Bench) -> Iterator[Row]:
    """Decode and prefill of each format."""
    bandwidth = apart(machine.bandwidth, bench.threads)
    flops = apart(machine.gemm_flops)
    bench.tell(f"{bandwidth / BILLION:.1f} GB/s, {flops / BILLION:.0f} GFLOP/s")
    formats = list(FORMATS)[: 1 if bench.quick else None]
    for name in formats:
        yield from _rows(bench, name, bandwidth, flops)


def _rows(bench: Bench, name: str, bandwidth: float, flops: float) -> Iterator[Row]:
    model = billion(name)
    with bench.lectern(model) as lectern:
        replies = [_ask(bench, lectern, number) for number in range(bench.size(4, 2))]
        prefill, decode = _lectern_speeds(lectern, replies)
    bench.tell(f"Lectern, {name}: {prefill.middle:.1f} and {decode.middle:.1f} tokens/s")
    other = "" if bench.quick else f"; {_server_speeds(bench, model)}"
    size = model.stat().st_size
    yield Row(
        f"decode_of_bandwidth_{name}",
        decode.middle * size / bandwidth,
        DECODE_TARGET,
        "higher",
        "measured memory bandwidth",
        f"{decode.middle:.3g} tokens/s × {size / BILLION:.3g} GB of {bandwidth / BILLION:.3g}"
        f" GB/s, one sequence behind {PROMPT_TOKENS} tokens{other}",
    )
    yield Row(
        f"prefill_of_gemm_{name}",
        prefill.middle * 2 * parameters() / flops,
        PREFILL_TARGET,
        "higher",
        "measured single-precision product (numpy)",
        f"{prefill.middle:.3g} tokens/s × 2 × {parameters() / BILLION:.3g}e9 weights of"
        f" {flops / BILLION:.3g} GFLOP/s{other}",
    )


def _ask(bench: Bench, peer: Peer, number: int) -> Reply:
    corpus = bench.corpus(f"roofline-{number}")
    return ask(peer, Question(prompts.section(corpus.text(PROMPT_TOKENS)), ANSWER_TOKENS))


def _lectern_speeds(lectern: Lectern, replies: list[Reply]) -> tuple[Sample, Sample]:
    """Tokens per second of prefill and decode, by the engine's own counts of tokens."""
    prefill, decode = [], []
    for told, reply in list(zip(lectern.answers, replies, strict=True))[1:]:  # the first one warms
        cached = told["input_token_details"]["cache_read"]
        prefill.append((told["input_tokens"] - cached) / reply.first)
        decode.append((told["output_tokens"] - 1) / (reply.total - reply.first))
    return Sample(tuple(prefill)), Sample(tuple(decode))


def _server_speeds(bench: Bench, model: Path) -> str:
    with bench.server(Setting(1, flash=False), model) as server:
        replies = [_ask(bench, server, number) for number in range(3)][1:]
    first = median(reply.first for reply in replies)
    gap = median(gap for reply in replies for gap in reply.gaps)
    return f"llama-server: first token {first:.3g} s, {1 / gap:.3g} tokens/s"
