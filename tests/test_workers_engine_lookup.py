"""Drafts are copies of what followed the same words, as many as pay, and change nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engines import PROFILE, asked, assert_greedy, opened, text_of, tokens_of, usage_of
from hypothesis import given
from hypothesis import strategies as st

from workers.engine.engine import Engine
from workers.engine.lookup import GRAM, Lookup
from workers.engine.requests import Request, Sampling
from workers.states import Lane

#: Rows that cost nothing more, for one sequence and for eight.
FREE = tuple((sequences, rows, 1.0) for sequences in (1, 8) for rows in (1, 2, 4, 8))
MANY = 1000
TOKENS = st.lists(st.integers(0, 3), max_size=60)


def followed(tokens: list[int], guess: tuple[int, ...]) -> bool:
    """Whether the guess follows the last words somewhere before their end."""
    gram = tokens[-GRAM:]
    return any(
        tokens[end - GRAM : end] == gram and tuple(tokens[end : end + len(guess)]) == guess
        for end in range(GRAM, len(tokens))
    )


@given(TOKENS, TOKENS, st.integers(0, 10))
def test_guesses_are_what_followed_before(
    prompt: list[int], written: list[int], limit: int
) -> None:
    lookup, tokens = Lookup(tuple(prompt)), list(prompt)
    for token in written:
        lookup.push(token)
        tokens.append(token)
        guess = lookup.guess(limit)
        assert len(guess) <= limit
        assert not guess or followed(tokens, guess)
        seen = any(tokens[end - GRAM : end] == tokens[-GRAM:] for end in range(GRAM, len(tokens)))
        assert bool(guess) == (seen and limit > 0)


def test_the_latest_place_counts() -> None:
    lookup = Lookup((1, 2, 3, 7, 7, 1, 2, 3, 8, 8, 1, 2, 3))
    assert lookup.guess(2) == (8, 8)
    assert lookup.guess(0) == ()


def test_nothing_to_go_by() -> None:
    for prompt in ((), (1, 2), (1, 2, 3, 4)):
        assert Lookup(prompt).guess(MANY) == ()
        assert Lookup(prompt).expected(MANY) == 1


def test_expects_what_was_right_lately() -> None:
    lookup = Lookup((1, 2, 3, *range(10, 30), 1, 2, 3))
    assert 1 < lookup.expected(1) < lookup.expected(3) < 4
    before = lookup.expected(3)
    lookup.judged(3, 3)
    assert lookup.expected(3) > before
    for _ in range(30):
        lookup.judged(3, 0)
    assert 1 < lookup.expected(3) < 1.1


@pytest.fixture(scope="module")
def drafting(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has been told that rows cost nothing, so that it always drafts."""
    profile = replace(PROFILE, step_cost=FREE)
    engine = opened(model_file, tmp_path_factory.mktemp("kv"), profile=profile)
    yield engine
    engine.close()


COPYING = "Repeat this list: red, green, blue, white, black, red, green, blue, white, black"
CHINESE = "請逐字重複：年度報告指出，供水曾經兩次中斷。年度報告指出，供水曾經兩次中斷。"
#: Not a chat, but what a model goes on with for ever.
RHYME = "One for the master and one for the dame, and one for the little boy down the lane. " * 3


@pytest.mark.model
@pytest.mark.parametrize("text", [COPYING, CHINESE])
def test_drafts_do_not_change_what_is_written(drafting: Engine, text: str) -> None:
    request = asked(drafting, text, max_tokens=40)
    answer = drafting.generate(request)
    written = tokens_of(drafting, text_of(answer))
    assert_greedy(drafting, request, written)
    assert usage_of(answer).completion_tokens == len(written) <= 40


@pytest.mark.model
def test_right_drafts_save_steps_and_wrong_ones_leave_no_trace(drafting: Engine) -> None:
    before = drafting.load()
    prompt = tuple(drafting.model.tokens(RHYME))
    request = Request(prompt, max_tokens=50, sampling=Sampling(ignore_eos=True))
    written = tokens_of(drafting, text_of(drafting.generate(request)))
    after = drafting.load()
    assert_greedy(drafting, request, written)
    accepted = after.accepted_tokens - before.accepted_tokens
    assert 0 < accepted < after.drafted_tokens - before.drafted_tokens
    assert after.steps - before.steps == 1 + len(written) - 1 - accepted
    # Whoever goes on from here finds all of it but the last token, which was never decoded.
    further = replace(request, prompt=(*prompt, *written, 1, 2, 3))
    answer = drafting.generate(further)
    again = text_of(answer)
    assert usage_of(answer).cached_tokens == len(prompt) + len(written) - 1
    assert_greedy(drafting, further, tokens_of(drafting, again))


@pytest.mark.model
def test_drafts_in_company_change_nothing_either(drafting: Engine) -> None:
    requests = [
        asked(drafting, text, max_tokens=24 + 4 * number, lane=Lane.BATCH)
        for number, text in enumerate((COPYING, CHINESE, "Name three colours.", COPYING + "?"))
    ]
    before = drafting.load()
    answers = [drafting.generate(request) for request in requests]
    for request, answer in zip(requests, answers, strict=True):
        assert_greedy(drafting, request, tokens_of(drafting, text_of(answer)))
    after = drafting.load()
    assert after.accepted_tokens > before.accepted_tokens


@pytest.mark.model
def test_a_draft_is_checked_by_a_grammar_and_by_a_draw_too(drafting: Engine) -> None:
    many = Sampling(grammar='root ::= "a"+', ignore_eos=True)
    before = drafting.load()
    assert set(
        text_of(drafting.generate(asked(drafting, COPYING, max_tokens=20, sampling=many)))
    ) == {"a"}
    assert drafting.load().accepted_tokens > before.accepted_tokens
    drawn = Sampling(temperature=0.01, seed=3)
    asked_for = asked(drafting, COPYING, max_tokens=20, sampling=drawn)
    assert_greedy(drafting, asked_for, tokens_of(drafting, text_of(drafting.generate(asked_for))))
