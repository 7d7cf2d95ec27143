"""Drafts are as long as pays for all sequences of a step together."""

from types import SimpleNamespace
from typing import Any

from workers.engine.drafter import TRY_AGAIN, Drafter, StepCost

CONTEXT = 4_096
#: Rows that cost nothing more, and rows that cost as much as steps.
FREE = tuple((sequences, rows, 1.0) for sequences in (1, 8) for rows in (1, 2, 4))
DEAR = tuple((sequences, rows, float(rows)) for sequences in (1, 8) for rows in (1, 2, 4))


def writing(right: float, length: int = 100) -> Any:
    """A sequence whose guesses, as many as wanted, are right with such odds."""
    return SimpleNamespace(
        tokens=range(length),
        expected=lambda limit: sum(right**place for place in range(limit + 1)),
    )


def chosen(costs: tuple[StepCost, ...], *sequences: Any) -> int:
    return Drafter(costs, CONTEXT).rows(sequences)


def test_as_many_rows_as_pay() -> None:
    assert chosen(FREE, writing(0.6)) == 4
    assert chosen(DEAR, writing(0.9)) == 1
    assert chosen((), writing(1.0)) == 1
    assert chosen(((1, 1, 1.0), (1, 2, 1.1), (1, 4, 3.0)), writing(0.6)) == 2
    assert Drafter(FREE, CONTEXT).rows([]) == 1


def test_all_of_a_step_count_together() -> None:
    costs = ((1, 1, 1.0), (1, 2, 1.0), (8, 1, 1.0), (8, 2, 1.5))
    assert chosen(costs, *[writing(0.7)] * 8) == 2
    assert chosen(costs, *[writing(0.7)] * 4, *[writing(0.0)] * 4) == 1
    assert chosen(costs, writing(0.0), writing(0.7)) == 2  # two cost little more than one


def test_what_was_not_measured_lies_on_a_line() -> None:
    costs = ((1, 1, 1.0), (1, 2, 1.0), (8, 1, 1.0), (8, 2, 2.0))
    for sequences, rows in ((4, 2), (6, 1), (9, 1)):
        assert chosen(costs, *[writing(0.6)] * sequences) == rows
    assert chosen(((8, 1, 1.0), (8, 2, 1.0)), writing(0.6)) == 1  # nothing to compare with


def test_tries_again_after_a_while() -> None:
    drafter = Drafter(((1, 1, 1.0), (1, 2, 1.2), (1, 4, 1.5)), CONTEXT)
    rows = [drafter.rows([writing(0.0)]) for _ in range(2 * TRY_AGAIN)]
    assert rows.count(1) == len(rows) - 2
    assert rows.count(2) == 2


def test_never_beyond_the_context() -> None:
    assert chosen(FREE, writing(1.0, CONTEXT - 3), writing(1.0)) == 2
    assert chosen(FREE, writing(1.0, CONTEXT - 1)) == 1
