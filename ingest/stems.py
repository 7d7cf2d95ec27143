"""Words as SQLite's index of words has them: without their endings, by its own tokenizer."""

import sqlite3
from collections.abc import Iterable
from threading import Lock

TOKENIZER = "porter unicode61 tokenchars '_'"  #: as the migrations have it


class _Stemmer:
    """An index in memory, which words are put into and read from again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._memory = sqlite3.connect(":memory:", check_same_thread=False)
        self._memory.execute(
            f"CREATE VIRTUAL TABLE given USING fts5(word, content='', tokenize=\"{TOKENIZER}\")"
        )
        self._memory.execute("CREATE VIRTUAL TABLE made USING fts5vocab(given, instance)")

    def __call__(self, words: Iterable[str]) -> dict[str, str]:
        asked = list(dict.fromkeys(words))
        with self._lock:
            self._memory.execute("INSERT INTO given(given) VALUES ('delete-all')")
            self._memory.executemany(
                "INSERT INTO given(rowid, word) VALUES (?, ?)", enumerate(asked)
            )
            rows = self._memory.execute("SELECT doc, term FROM made").fetchall()
        return {asked[number]: term for number, term in rows}


_stemmer = _Stemmer()


def stems(words: Iterable[str]) -> dict[str, str]:
    """The stem of each word, by the word; what is no word to the tokenizer is left out."""
    return _stemmer(words)
