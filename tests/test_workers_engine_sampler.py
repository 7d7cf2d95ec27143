"""Choosing tokens from real logits, against llama.cpp's own chain and against the logits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engine.context import Context, Row, Shape
from workers.engine.grammar import Grammar, GrammarRefused, grammar_of
from workers.engine.model import Model
from workers.engine.requests import Sampling
from workers.engine.sampler import Sampler, _Penalties

pytestmark = pytest.mark.model

PROMPT = (
    "<|im_start|>user\nThe committee met on Tuesday about the levee and its cost of 4 million. "
    "Mr Wu objected. What did it decide?<|im_end|>\n<|im_start|>assistant\n"
)
SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "points": {"type": "integer"}},
    "required": ["title", "points"],
}


class Desk:
    """A model and one sequence of a context."""

    def __init__(self, path: Path) -> None:
        self.model = Model(path)
        shape = Shape(
            sequences=1,
            context_tokens=512,
            batch_tokens=256,
            ubatch_tokens=256,
            threads=1,
            prefill_threads=1,
            flash_attention=False,
        )
        self.context = Context(self.model, shape)
        self.handle = self.context.handle
        self.length = 0

    def read(self, text: str = PROMPT) -> int:
        """Begin anew with `text`; returns the row whose logits say what follows."""
        self.context.trim(0, 0)
        self.length = 0
        return self.go_on(self.model.tokens(text, special=True))

    def go_on(self, tokens: list[int], every: bool = False) -> int:
        last = len(tokens) - 1
        rows = [
            Row(token, self.length + place, 0, every or place == last)
            for place, token in enumerate(tokens)
        ]
        self.context.decode(rows)
        self.length += len(tokens)
        return last

    def logits(self, row: int) -> Any:
        pointer = llama.llama_get_logits_ith(self.handle, row)
        return np.ctypeslib.as_array(pointer, (self.model.vocab_size,)).copy()

    def write(self, sampling: Sampling, count: int, text: str = PROMPT) -> list[int]:
        """Up to `count` tokens, the end of generation included."""
        sampler, row, written = Sampler(self.model, sampling), self.read(text), list[int]()
        while len(written) < count:
            written.append(sampler.sample(self.handle, row))
            if self.model.ends_generation(written[-1]):
                break
            row = self.go_on(written[-1:])
        sampler.close()
        sampler.close()
        return written

    def text(self, tokens: list[int]) -> str:
        return b"".join(map(self.model.piece, tokens)).decode("utf-8", "replace")


@pytest.fixture(scope="module")
def desk(model_file: Path) -> Iterator[Desk]:
    opened = Desk(model_file)
    yield opened
    opened.context.close()
    opened.model.close()


def chain(desk: Desk, *parts: Any) -> Any:
    made = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    for part in parts:
        llama.llama_sampler_chain_add(made, part)
    return made


def test_the_greedy_choice_is_that_of_the_chain(desk: Desk) -> None:
    greedy = chain(desk, llama.llama_sampler_init_greedy())
    sampler, row = Sampler(desk.model, Sampling()), desk.read()
    for _ in range(12):
        expected = llama.llama_sampler_sample(greedy, desk.handle, row)
        token = sampler.sample(desk.handle, row)
        assert token == expected
        row = desk.go_on([token])
    llama.llama_sampler_free(greedy)


@pytest.mark.parametrize("window", [64, 5])
def test_penalties_are_those_of_the_chain(desk: Desk, window: int) -> None:
    given = Sampling(
        repeat_penalty=1.3, frequency_penalty=0.4, presence_penalty=0.7, repeat_window=window
    )
    greedy = chain(
        desk,
        llama.llama_sampler_init_penalties(desk.model.vocab_size, window, 1.3, 0.4, 0.7),
        llama.llama_sampler_init_greedy(),
    )
    sampler, row = Sampler(desk.model, given), desk.read("one two one two one two one two one")
    for _ in range(40):
        expected = llama.llama_sampler_sample(greedy, desk.handle, row)
        token = sampler.sample(desk.handle, row)
        assert token == expected
        row = desk.go_on([token])
    llama.llama_sampler_free(greedy)


def test_a_bias_chooses_and_forbids(desk: Desk) -> None:
    best = desk.write(Sampling(), 1)[0]
    assert desk.write(Sampling(logit_bias=((best, float("-inf")),)), 1)[0] != best
    wanted = desk.model.tokens(" harbour")[0]
    assert desk.write(Sampling(logit_bias=((wanted, 100.0),)), 3) == [wanted] * 3
    assert desk.write(Sampling(temperature=1.0, logit_bias=((wanted, 1e3),)), 2) == [wanted] * 2


@pytest.mark.parametrize("token", [-1, 1 << 20])
def test_a_bias_on_a_token_that_does_not_exist_is_refused(desk: Desk, token: int) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        Sampler(desk.model, Sampling(logit_bias=((token, 1.0),)))


def test_an_answer_may_be_kept_from_ending(desk: Desk) -> None:
    ended = desk.write(Sampling(), 120, PROMPT + "It decided nothing.")
    assert desk.model.ends_generation(ended[-1])
    endless = desk.write(Sampling(ignore_eos=True), 120, PROMPT + "It decided nothing.")
    assert len(endless) == 120
    assert not any(map(desk.model.ends_generation, endless))


def test_equal_seeds_draw_equally(desk: Desk) -> None:
    drawn = [desk.write(Sampling(temperature=1.5, seed=seed), 12) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_min_p_and_top_p_leave_what_is_likely(desk: Desk) -> None:
    strict = [Sampling(temperature=2.0, min_p=1.0), Sampling(temperature=2.0, top_k=1)]
    strict.append(Sampling(temperature=2.0, top_p=1e-6))
    assert [desk.write(one, 6) for one in strict] == [desk.write(Sampling(), 6)] * 3


@pytest.mark.parametrize("temperature", [0.0, 1.2])
def test_a_json_grammar_is_kept(desk: Desk, temperature: float) -> None:
    given = Sampling(temperature=temperature, seed=3, grammar=grammar_of(SCHEMA))
    written = desk.write(given, 200)
    assert desk.model.ends_generation(written[-1])
    said = json.loads(desk.text(written))
    assert set(said) == {"title", "points"}
    assert isinstance(said["points"], int)


def test_a_greedy_grammar_chooses_as_the_chain_does(desk: Desk) -> None:
    given = Sampling(grammar='root ::= ("zebra" | "yak" | [0-9]{3}) " "? [A-Z]{2} "!"')
    assert given.grammar is not None
    greedy = chain(
        desk,
        llama.llama_sampler_init_grammar(desk.model.vocab, given.grammar.encode(), b"root"),
        llama.llama_sampler_init_greedy(),
    )
    row, expected = desk.read(), list[int]()
    while not expected or not desk.model.ends_generation(expected[-1]):
        expected.append(llama.llama_sampler_sample(greedy, desk.handle, row))
        row = desk.go_on(expected[-1:])
    assert desk.write(given, 40) == expected
    llama.llama_sampler_free(greedy)


def test_a_grammar_with_nothing_left_ends_the_answer(desk: Desk) -> None:
    assert desk.model.ends_generation(desk.write(Sampling(grammar='root ::= "yes"'), 9)[-1])
    # Even when ending is forbidden: llama.cpp would end the process over a refused token.
    forced = Sampling(grammar='root ::= "yes"', ignore_eos=True)
    written = desk.write(forced, 9)
    assert desk.text(written) == "yes"
    assert desk.model.ends_generation(written[-1])


def test_an_odd_grammar_is_refused(desk: Desk) -> None:
    for odd in ("root ::= (", "nonsense", 'other ::= "x"'):
        with pytest.raises(GrammarRefused):
            Sampler(desk.model, Sampling(grammar=odd))


def test_the_whole_vocabulary_is_asked_when_nothing_likely_may_follow(desk: Desk) -> None:
    grammar = Grammar(desk.model, 'root ::= "堤"')
    logits = desk.logits(desk.read())
    grammar.constrain(logits, 4)
    left = np.flatnonzero(np.isfinite(logits))
    assert left.size
    assert all("堤".encode().startswith(desk.model.piece(int(token))) for token in left)
    grammar.close()


def test_rows_of_a_draft_are_verified_one_after_the_other(desk: Desk) -> None:
    expected = desk.write(Sampling(repeat_penalty=1.1), 6)
    sampler, row = Sampler(desk.model, Sampling(repeat_penalty=1.1)), desk.read()
    written = [sampler.sample(desk.handle, row)]
    draft = [*expected[1:4], expected[0]]  # three are right
    desk.go_on([written[-1], *draft], every=True)
    for place, drafted in enumerate(draft):
        written.append(sampler.sample(desk.handle, place))
        if written[-1] != drafted:
            break
    assert written == expected[:5]


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(0, 8))
def test_penalties_count_what_is_in_the_window(tokens: list[int], window: int) -> None:
    penalties = _Penalties(Sampling(frequency_penalty=1.0, repeat_window=window))
    for token in tokens:
        penalties.accept(token)
    logits = np.zeros(10, np.float32)
    penalties.apply(logits)
    seen = tokens[len(tokens) - min(window, len(tokens)) :]
    assert list(-logits) == [seen.count(token) for token in range(10)]
