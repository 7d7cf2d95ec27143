"""A made IMAP server: as much of RFC 3501 as reading a folder takes, over plain loopback."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

USER, PASSWORD = "reader", "open sesame"


@dataclass
class Post:
    """What lies in the folder, by number; what clients have said."""

    letters: dict[int, bytes] = field(default_factory=dict)
    validity: int = 7
    folder: str = "INBOX"
    said: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, password: str = PASSWORD) -> str:
        return f"imap://{USER}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{self.folder}"


@contextmanager
def serving(post: Post) -> Iterator[None]:
    class Desk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"* OK made for tests\r\n")
            while line := self.rfile.readline():
                tag, _, command = line.decode().strip().partition(" ")
                post.said.append(command)
                told, verdict = answer(post, command)
                self.wfile.write(told + f"{tag} {verdict} done\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Desk) as server:
        post.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def answer(post: Post, command: str) -> tuple[bytes, str]:
    """Untagged lines, and how it ended."""
    verb, _, rest = command.removeprefix("UID ").partition(" ")
    known = {
        "CAPABILITY": lambda _: (b"* CAPABILITY IMAP4rev1\r\n", "OK"),
        "LOGIN": lambda said: (
            b"",
            "OK" if said == f'{USER} "{PASSWORD}"' else "NO wrong password",
        ),
        "EXAMINE": lambda said: examine(post, said),
        "SEARCH": lambda _: (f"* SEARCH {' '.join(map(str, post.letters))}\r\n".encode(), "OK"),
        "FETCH": lambda said: fetch(post, *said.split(" ", 1)),
        "LOGOUT": lambda _: (b"* BYE\r\n", "OK"),
    }
    return known[verb](rest) if verb in known else (b"", "BAD")


def examine(post: Post, folder: str) -> tuple[bytes, str]:
    if folder != f'"{post.folder}"':
        return b"", "NO there is no such folder"
    return f"* OK [UIDVALIDITY {post.validity}]\r\n".encode(), "OK [READ-ONLY]"


def fetch(post: Post, number: str, what: str) -> tuple[bytes, str]:
    raw = post.letters.get(int(number))
    if raw is None:
        return b"", "OK"
    if "SIZE" in what:
        return f"* 1 FETCH (UID {number} RFC822.SIZE {len(raw)})\r\n".encode(), "OK"
    head = f"* 1 FETCH (UID {number} BODY[] {{{len(raw)}}}\r\n".encode()
    return head + raw + b")\r\n", "OK"
