"""Token bytes become text: whole characters, and nothing from a stop string on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engine.text import TextStream

STOPS = st.lists(st.text("ab</。結", min_size=1, max_size=4), max_size=3).map(tuple)
TEXTS = st.text("ab</。結束👩‍é ", max_size=40)


def streamed(raw: bytes, cuts: list[int], stops: tuple[str, ...]) -> str:
    stream, pieces = TextStream(stops), []
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    for begin, end in pairwise(edges):
        pieces.append(stream.push(raw[begin:end]))
        if stream.stopped:
            return "".join(pieces)
    return "".join(pieces) + stream.finish()


@given(text=TEXTS, cuts=st.lists(st.integers(0, 200), max_size=30), stops=STOPS)
def test_any_split_gives_the_same_text(text: str, cuts: list[int], stops: tuple[str, ...]) -> None:
    raw = text.encode()
    whole = streamed(raw, [], stops)
    assert streamed(raw, cuts, stops) == whole
    assert text.startswith(whole)
    assert "\ufffd" not in whole
    assert not any(stop in whole for stop in stops)
    assert whole == text or any(text.startswith(stop, len(whole)) for stop in stops)


@pytest.mark.parametrize(
    ("pieces", "stops", "expected"),
    [
        (["one st", "op two"], ("stop",), "one "),
        (["ends with st"], ("stop",), "ends with st"),
        (["to the very end: stop"], ("stop",), "to the very end: "),
        (["ab", "c"], ("abc", "b"), "a"),
        (["kept"], ("",), "kept"),
        (["一二", "三完", "四"], ("完",), "一二三"),
    ],
)
def test_stop_strings(pieces: list[str], stops: tuple[str, ...], expected: str) -> None:
    raw = [piece.encode() for piece in pieces]
    stream, shown = TextStream(stops), ""
    for piece in raw:
        shown += "" if stream.stopped else stream.push(piece)
    assert shown + stream.finish() == expected


def test_broken_utf8_is_marked_and_not_lost() -> None:
    stream = TextStream(())
    assert stream.push("結".encode()[:2]) == ""
    assert stream.finish() == "\ufffd"
