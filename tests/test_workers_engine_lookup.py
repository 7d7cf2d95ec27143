"""Drafts are copies of what followed the same words, as many as pay, and change nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engines import PROFILE, asked, assert_greedy, opened, text_of, tokens_of, usage_of
from hypothesis import given
from hypothesis import strategies as st

from workers.engine.engine import Engine
from workers.engine.lookup import GRAM, TRY_AGAIN, Lookup
from workers.engine.requests import Request, Sampling

#: Rows that cost nothing more, and rows that cost as much as steps.
FREE = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}
DEAR = {1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}
MANY = 1000
TOKENS = st.lists(st.integers(0, 3), max_size=60)


def followed(tokens: list[int], draft: tuple[int, ...]) -> bool:
    """Whether the draft follows the last words somewhere before their end."""
    gram = tokens[-GRAM:]
    return any(
        tokens[end - GRAM : end] == gram and tuple(tokens[end : end + len(draft)]) == draft
        for end in range(GRAM, len(tokens))
    )


@given(TOKENS, TOKENS, st.integers(-1, 10))
def test_drafts_are_what_followed_before(prompt: list[int], written: list[int], limit: int) -> None:
    lookup, tokens = Lookup(tuple(prompt), FREE), list(prompt)
    for token in written:
        lookup.push(token)
        tokens.append(token)
        draft = lookup.draft(limit)
        assert len(draft) <= max(0, limit)
        assert not draft or followed(tokens, draft)
        seen = any(tokens[end - GRAM : end] == tokens[-GRAM:] for end in range(GRAM, len(tokens)))
        assert bool(draft) == (seen and limit > 0)


def test_the_latest_place_counts() -> None:
    lookup = Lookup((1, 2, 3, 7, 7, 1, 2, 3, 8, 8, 1, 2, 3), FREE)
    assert lookup.draft(2) == (8, 8)
    assert lookup.draft(0) == ()


def test_nothing_to_go_by() -> None:
    assert Lookup((), FREE).draft(MANY) == ()
    assert Lookup((1, 2), FREE).draft(MANY) == ()
    assert Lookup((1, 2, 3, 4), FREE).draft(MANY) == ()


def repeating(row_cost: dict[int, float]) -> Lookup:
    return Lookup((1, 2, 3, *range(10, 30), 1, 2, 3), row_cost)


def test_as_many_rows_as_pay() -> None:
    assert len(repeating(FREE).draft(MANY)) == 7
    assert repeating(DEAR).draft(MANY) == ()
    assert repeating({}).draft(MANY) == ()
    assert len(repeating({1: 1.0, 2: 1.1, 4: 1.3, 8: 9.0}).draft(MANY)) == 3


def test_stops_when_drafts_are_wrong_and_tries_again() -> None:
    lookup = repeating({1: 1.0, 2: 1.2, 4: 1.5})
    assert lookup.draft(MANY)
    for _ in range(12):
        lookup.judged(3, 0)
    drafts = [len(lookup.draft(MANY)) for _ in range(2 * TRY_AGAIN)]
    assert drafts.count(0) == len(drafts) - 2
    assert drafts.count(1) == 2
    for _ in range(30):
        lookup.judged(1, 1)
    assert len(lookup.draft(MANY)) == 3


@pytest.fixture(scope="module")
def drafting(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has been told that rows cost nothing, so that it always drafts."""
    profile = replace(PROFILE, row_cost=tuple(FREE.items()))
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
@pytest.mark.parametrize("sampling", [Sampling(temperature=0.7), Sampling(grammar='root ::= "a"+')])
def test_nothing_is_drafted_where_it_could_not_be_checked(
    drafting: Engine, sampling: Sampling
) -> None:
    before = drafting.load().drafted_tokens
    text_of(drafting.generate(asked(drafting, COPYING, max_tokens=20, sampling=sampling)))
    assert drafting.load().drafted_tokens == before
