"""A plan put together: model, machine, placement, speeds, people and cost, with the arithmetic."""

from dataclasses import asdict, dataclass
from typing import Any

from workers.engine.memory import KV_BYTES
from workers.planning import bands, files, machines, models, money, people, rates, reasons
from workers.planning.asked import Asked
from workers.planning.bands import Figure
from workers.planning.hardware import Hardware
from workers.planning.models import Planned
from workers.planning.placing import Placement, context, placed, slots
from workers.planning.rates import Speed
from workers.planning.work import (
    QUESTION_TOKENS,
    Seconds,
    Work,
    question_seconds,
    summary_calls,
    summary_seconds,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked, and what comes of it."""

    asked: Asked
    model: Planned
    machine: Hardware
    placement: Placement
    work: Work

    @property
    def speed(self) -> Speed:
        """Of each engine."""
        return self.machine.speed(self.placement.sockets, local=self.placement.local)

    def figures(self) -> tuple[Figure, ...]:
        """Speeds first, then what an hour brings."""
        demand, speed, work = self.model.demand, self.speed, self.work
        engines, depth = self.placement.engines, work.prompt + work.answer / 2
        one = rates.decode_seconds(demand, speed, 1, depth)
        many = rates.decode_seconds(demand, speed, work.slots, depth)
        cold = rates.prompt_seconds(demand, speed, work.prompt)
        warm = rates.prompt_seconds(demand, speed, QUESTION_TOKENS, before=work.prompt)
        question = question_seconds(demand, speed, work)
        summary = summary_seconds(demand, speed, work)
        return (
            bands.writing("one answer", 1 / one, "tokens/s", reasons.step(demand, speed, 1, depth)),
            bands.writing(
                f"{work.slots * engines} answers at once",
                engines * work.slots / many,
                "tokens/s",
                f"{engines} × {work.slots} tokens in {reasons.seconds(many)}: "
                + reasons.step(demand, speed, work.slots, depth),
            ),
            bands.duration(
                "first token", Seconds(cold, 0), reasons.prompt(demand, speed, work.prompt)
            ),
            bands.duration(
                "first token, document known",
                Seconds(warm, 0),
                f"{QUESTION_TOKENS} tokens behind {work.prompt:,} that are kept",
            ),
            bands.throughput(
                "questions", question, engines, reasons.engine_time(question, engines)
            ),
            bands.throughput(
                "summaries",
                summary,
                engines,
                f"{len(summary_calls(work))} calls; " + reasons.engine_time(summary, engines),
            ),
        )


def made(asked: Asked) -> Plan:
    """Plan. Raises PlanImpossible, ModelMissing or ModelUnusable."""
    kv_bytes = KV_BYTES[asked.kv_type]
    model = files.read(asked.file, kv_bytes) if asked.file else models.named(asked.model, kv_bytes)
    machine = machines.described(asked) if asked.names_hardware else machines.this()
    work = Work(asked.prompt, asked.answer, asked.document_tokens, context(asked), slots(asked))
    return Plan(asked, model, machine, placed(model, machine, asked), work)


def told(plan: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    figures = {figure.name: figure for figure in plan.figures()}
    questions, summaries = figures["questions"], figures["summaries"]
    paid = money.cost(plan.asked, plan.machine.watts)
    needs, model = plan.placement.needs, plan.model
    return {
        "model": {
            "name": model.name,
            "weights": model.shape.weights,
            "active": model.shape.active,
            "bits": model.bits,
            "bytes": model.size,
            "kv_bytes_per_token": model.demand.cell_bytes,
            "told": model.told,
        },
        "machine": _machine(plan.machine),
        "placement": {
            "engines": plan.placement.engines,
            "sockets": plan.placement.sockets,
            "local": plan.placement.local,
            "why": plan.placement.why,
        },
        "speed": asdict(plan.speed),
        "work": asdict(plan.work),
        "memory": {**asdict(needs), "engine": needs.needed, "all": plan.placement.needed},
        "memory_words": str(needs),
        "figures": [asdict(figure) for figure in figures.values()],
        "other": _other(plan),
        "people": people.told(plan.asked, questions, plan.placement.engines),
        "cost": paid
        and {
            "hour": paid.hour,
            "power": paid.power,
            "thousand_questions": paid.each(questions.value, 1_000),
            "thousand_summaries": paid.each(summaries.value, 1_000),
        },
    }


def _machine(machine: Hardware) -> dict[str, Any]:
    given = asdict(machine)
    given.pop("measured")
    return given


def _other(plan: Plan) -> dict[str, Any] | None:
    """The other way to use several sockets, to compare: one engine over all, or one for each."""
    if plan.machine.sockets == 1 or plan.machine.measured:
        return None
    spread = plan.placement.sockets == 1
    sockets, engines = (plan.machine.sockets, 1) if spread else (1, plan.machine.sockets)
    speed = plan.machine.speed(sockets, local=not spread)
    demand, work = plan.model.demand, plan.work
    depth = work.prompt + work.answer / 2
    question = question_seconds(demand, speed, work)
    return {
        "name": "one engine over all sockets" if spread else "an engine for each socket",
        "one_answer": 1 / rates.decode_seconds(demand, speed, 1, depth),
        "first_token": rates.prompt_seconds(demand, speed, work.prompt),
        "questions": 3_600 * engines / question.total,
        "memory": engines * plan.placement.needs.needed,
    }
