"""What generations cost, added up."""

import pytest
from fakes import Office, new_collection, prose, read

from service.schemas.answers import Usage
from workers import jobs, submit, usage

TOLD = {
    "queue_ms": 5,
    "prefill_ms": 200,
    "decode_ms": 100,
    "prefill_tokens_per_second": 50.0,
    "decode_tokens_per_second": 40.0,
}


def test_tokens_and_times_are_summed_and_rates_are_means_over_time() -> None:
    quick = {"prompt_tokens": 90, "prefill_ms": 100, "prefill_tokens_per_second": 900.0}
    slow = {"prompt_tokens": 30, "prefill_ms": 300, "prefill_tokens_per_second": 100.0}
    both = usage.total([quick, slow])
    assert (both["prompt_tokens"], both["prefill_ms"]) == (120, 400)
    assert both["prefill_tokens_per_second"] == 300.0  # 120 tokens in 400 ms
    assert usage.total([both]) == both
    assert (both["decode_ms"], both["decode_tokens_per_second"]) == (0, 0)


def test_nothing_costs_nothing() -> None:
    assert set(usage.total([]).values()) == {0}
    assert usage.total([{}]) == usage.total([])


@pytest.mark.parametrize(("tokens", "seconds"), [(0, 1.0), (-1, 1.0), (3, 0.0)])
def test_a_rate_needs_tokens_and_time(tokens: int, seconds: float) -> None:
    assert usage.rate(tokens, seconds) == 0.0


def test_the_interface_names_every_figure() -> None:
    assert set(Usage.model_fields) == set(usage.total([]))


@pytest.mark.usefixtures("migrated")
def test_a_summary_tells_what_its_parts_took() -> None:
    office = Office()
    office.model.told = TOLD
    document = read(office, new_collection(), prose(67))
    job = submit.summary(document.id)
    office.work(job)
    spent = (jobs.get(job.id).result or {})["usage"]
    written = len(office.model.asked)
    assert written > 1
    assert spent["queue_ms"] == written * TOLD["queue_ms"]
    assert spent["decode_ms"] == written * TOLD["decode_ms"]
    assert spent["decode_tokens_per_second"] == TOLD["decode_tokens_per_second"]


@pytest.mark.usefixtures("migrated")
def test_a_server_that_tells_no_times_does_no_harm() -> None:
    office = Office()
    document = read(office, new_collection(), "word " * 400)
    job = submit.summary(document.id)
    office.work(job)
    spent = (jobs.get(job.id).result or {})["usage"]
    assert spent["prompt_tokens"] > 0
    assert {spent[name] for name in usage.TIMINGS} == {0}
