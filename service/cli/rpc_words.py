"""The words of `lectern rpc-serve`."""

from argparse import ArgumentParser

PORT = 50_052  #: llama.cpp's own


def add_rpc_serve(serve: ArgumentParser) -> None:
    """Where to listen and what to lend."""
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="private IPv4 address of this host"
    )
    serve.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default {PORT}")
    serve.add_argument("--cache", action="store_true", help="keep the weights on this disk")
    serve.add_argument(
        "--threads", type=int, default=0, metavar="N", help="default: the physical cores"
    )
    serve.add_argument(
        "--memory-mb", type=int, default=0, metavar="N", help="offer no more than that"
    )
    serve.add_argument(
        "--open-to-anyone", action="store_true", help="allow an address that is not private"
    )
