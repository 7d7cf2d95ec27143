"""A small soak: all kinds of jobs while every part is lost once. `tests/soak.py` does more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import soak
from fleet import Fleet

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture
def own_fleet(model_file: Path) -> Iterator[Fleet]:
    """One on which nothing else has left anything."""
    made = Fleet(model_file)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.faults(2, 4, 8, 9, 13, 20)
def test_mixed_jobs_end_as_they_must_while_every_part_is_lost_once(own_fleet: Fleet) -> None:
    found = soak.run(own_fleet, jobs=20, minutes=1.0, seed=4, rounds=1)
    assert found["wrong"] == [], json.dumps(found, indent=2)
    assert set(found["mishaps"].values()) == {1}
    assert len(found["mishaps"]) == len(soak.MISHAPS)
    assert sum(found["jobs"].values()) + sum(found["searches"].values()) == 20
