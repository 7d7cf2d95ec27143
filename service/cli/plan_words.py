"""The words of `lectern plan`."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

EPILOG = """\
examples:
  lectern plan --model 8B-Q4_K_M                                 on this machine, as measured
  lectern plan --model 70B-Q4_K_M --sockets 2 --bandwidth 204.8  GB/s of a socket, by data sheet
  lectern plan --model 14B --hardware 'EPYC 9554' --sockets 2 --memory-gb 384 --users 50
  lectern plan --check                                           beside published figures
"""


def add_plan(plan: ArgumentParser) -> None:
    """The model, the machine, the work and what it costs."""
    plan.epilog, plan.formatter_class = EPILOG, RawDescriptionHelpFormatter
    what = plan.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--model", metavar="NAME", help="70B-Q4_K_M, Qwen3-8B-Q8_0, …, or a GGUF file"
    )
    what.add_argument("--check", action="store_true", help="compare with published figures")
    _add_machine(plan)
    work = plan.add_argument_group("the work")
    work.add_argument("--prompt", type=_count, metavar="N", help="tokens asked (default 2000)")
    work.add_argument("--answer", type=_count, metavar="N", help="tokens answered (default 250)")
    work.add_argument(
        "--document-tokens", type=_count, metavar="N", help="of a document (default 30000)"
    )
    work.add_argument("--context", type=_count, metavar="N", help="tokens of a sequence")
    work.add_argument("--slots", type=_count, metavar="N", help="answers an engine writes at once")
    work.add_argument("--kv", dest="kv_type", choices=["f16", "q8_0"], help="how KV is kept")
    work.add_argument("--users", type=_count, metavar="N", help="people who ask")
    work.add_argument(
        "--questions", type=_amount, metavar="N", help="of each of them in an hour (default 4)"
    )
    cost = plan.add_argument_group("what it costs, in any currency")
    cost.add_argument("--price", type=_amount, metavar="X", help="of the machine")
    cost.add_argument("--years", type=_amount, metavar="N", help="it is written off in (default 4)")
    cost.add_argument("--price-per-hour", type=_amount, metavar="X", help="of a rented machine")
    cost.add_argument("--power-price", type=_amount, metavar="X", help="of a kilowatt-hour")
    cost.add_argument(
        "--watts", type=_amount, metavar="N", help="of the machine (default: its processors)"
    )


def _add_machine(plan: ArgumentParser) -> None:
    machine = plan.add_argument_group(
        "the machine", "this one, if nothing is said; one socket, unless --sockets says more"
    )
    machine.add_argument("--hardware", metavar="NAME", help="a known one: 'EPYC 9654', 7950X, …")
    machine.add_argument("--sockets", type=_count, metavar="N")
    machine.add_argument("--cores", type=_count, metavar="N", help="of a socket")
    machine.add_argument("--clock", type=_amount, metavar="GHZ", help="with all cores busy")
    machine.add_argument("--instructions", choices=["avx2", "avx512", "neon"], help="of products")
    bandwidth = machine.add_mutually_exclusive_group()
    bandwidth.add_argument("--bandwidth", type=_amount, metavar="GB/S", help="of a socket's memory")
    bandwidth.add_argument("--memory", metavar="KIND", help="of a socket: ddr5-4800x12")
    machine.add_argument("--memory-gb", type=_amount, metavar="N", help="of all sockets together")
    machine.add_argument("--flops", type=_amount, metavar="TOPS", help="of a socket, if measured")
    machine.add_argument(
        "--spread", action="store_true", help="one engine over all sockets, not one for each"
    )


def _count(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _amount(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number
