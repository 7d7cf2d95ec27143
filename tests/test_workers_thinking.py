"""Thoughts of a reasoning model never reach the answer, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from workers.thinking import Thinking


def split(pieces: list[str], *, opened: bool = False) -> tuple[str, str]:
    thinking = Thinking(opened=opened)
    answer = "".join(map(thinking.push, pieces)) + thinking.finish()
    return answer, thinking.thought


def test_a_thought_is_kept_apart() -> None:
    assert split(["<think>First ", "this.</think>", "\nThe answer."]) == (
        "\nThe answer.",
        "First this.",
    )


def test_some_models_begin_inside_it() -> None:
    assert split(["First this.</think>The answer."], opened=True) == ("The answer.", "First this.")


def test_a_thought_without_an_end_leaves_no_answer() -> None:
    assert split(["<think>and on ", "and on"]) == ("", "and on and on")


def test_what_only_looks_like_one_is_text() -> None:
    assert split(["a < b, <thing>, <thi", "s>"]) == ("a < b, <thing>, <this>", "")


@given(st.data())
def test_the_cuts_of_the_stream_do_not_matter(data: st.DataObject) -> None:
    parts = data.draw(
        st.lists(st.sampled_from(["<think>", "</think>", "<", "th", "a ", ">", "字"]))
    )
    text = "".join(parts)
    pieces, rest = [], text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        pieces, rest = [*pieces, rest[:size]], rest[size:]
    assert split(pieces) == split([text])
