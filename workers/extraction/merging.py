"""What the sections of a document say about each field, made into one answer with its evidence.

    order       verified before not; then the value whose sections say most of the field (or, of a
                small model, the value of the section that does); then the one that came first
    agreement   what the sections that gave this value say of the field ÷ all that gave one
    confidence  agreement × (verified + pointed) ÷ 2, where verified is 0 or 1, and pointed (0 … 1)
                how much the quote shares with the field's name and description

Arrays are united without duplicates; each item's confidence is without an agreement, and an array's
or an object's is the mean of what is in it. Of a small model what nothing carries is no value but a
draft. Pure: knows findings, no text and no model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.extraction.schema import Field
from workers.extraction.standing import same

LEAST_VOTE = 0.05  #: of a section whose quote shares nothing with the field
PLACED = ("page", "char_start", "char_end", "quote")
MOST_ITEMS = 1_000  #: of an array in all

Evidence = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """What one section says: findings in the shape of the fields, and where its parts stand."""

    found: Any
    parts: Sequence[Sequence[int]]  #: (page, char_start, char_end)

    def of(self, name: str) -> "Said":
        """What it says of one member."""
        return Said(None if self.found is None else self.found[name], self.parts)

    def each(self) -> "Iterator[Said]":
        """Its items, one by one."""
        return (Said(item, self.parts) for item in self.found or ())

    @property
    def vote(self) -> float:
        """What it counts."""
        return max(float(self.found["pointed"]), LEAST_VOTE)

    def placed(self) -> dict[str, Any]:
        """Where its quote stands in the document."""
        if not self.found["quote"]:
            return dict.fromkeys(PLACED)
        page, offset = self.parts[self.found["part"]][:2]
        start, end = (offset + self.found[name] for name in ("start", "end"))
        return dict(zip(PLACED, (page, start, end, self.found["quote"]), strict=True))


def merged(field: Field, said: Sequence[Said], small: bool) -> Evidence:
    """The field's value with its evidence; an object's members and an array's items have theirs."""
    given = [one for one in said if one.found is not None]
    if field.kind == "object":
        members = {
            name: merged(member, [one.of(name) for one in given], small)
            for name, member in field.members.items()
        }
        values = {name: one["value"] for name, one in members.items()}
        value = values if any(one is not None for one in values.values()) else None
        return _summed(value, list(members.values())) | {"fields": members}
    if field.kind == "array":
        return _united(given, small)
    return _chosen(given, small)


def _chosen(given: Sequence[Said], small: bool) -> Evidence:
    """One value out of those that sections gave."""
    if not given:
        return _nothing()
    groups = list(_grouped(given))
    best = max(groups, key=lambda group: _weight(group, small))  # the first of equals
    proof = max(best, key=lambda one: (one.found["verified"], one.found["pointed"]))
    votes = sum(one.vote for one in best) / sum(one.vote for one in given)
    return _told(proof, votes, small)


def _weight(group: Sequence[Said], small: bool) -> tuple[bool, float]:
    votes = [one.vote for one in group]
    verified = any(one.found["verified"] for one in group)
    return verified, max(votes) if small else sum(votes)


def _united(given: Sequence[Said], small: bool) -> Evidence:
    """All items that sections gave, each once, in the order of the document."""
    groups = _grouped([item for one in given for item in one.each()])
    proofs = (max(each, key=lambda one: one.found["verified"]) for each in groups)
    told = [_told(proof, 1.0, small) for proof in proofs]
    items = [one for one in told if one["value"] is not None][:MOST_ITEMS]
    united = _summed([one["value"] for one in items] or None, items) | {"items": items}
    drafts = [one["draft"] for one in told if one.get("draft") is not None][:MOST_ITEMS]
    return united | ({"draft": drafts} if drafts else {})


def _grouped(given: Sequence[Said]) -> Iterator[list[Said]]:
    """Those that say the same together, in the order in which they came."""
    groups: dict[object, list[Said]] = {}
    for one in given:
        groups.setdefault(same(one.found["value"]), []).append(one)
    yield from groups.values()


def _told(proof: Said, agreement: float, small: bool) -> Evidence:
    found = proof.found
    if small and not found["verified"]:
        return _nothing() | {"draft": found["value"]}
    confidence = agreement * (found["verified"] + found["pointed"]) / 2
    return {
        "value": found["value"],
        **proof.placed(),
        "verified": found["verified"],
        "confidence": round(confidence, 2),
    }


def _nothing() -> Evidence:
    return {"value": None, **dict.fromkeys(PLACED), "verified": False, "confidence": 0.0}


def _summed(value: Any, inside: Sequence[Evidence]) -> Evidence:
    """What is true of an array or an object, by what is in it."""
    given = [one for one in inside if one["value"] is not None]
    if value is None or not given:
        return _nothing()
    shown = max(given, key=lambda one: (one["verified"], one["confidence"]))
    return {
        "value": value,
        **{name: shown[name] for name in PLACED},
        "verified": all(one["verified"] for one in given),
        "confidence": round(sum(one["confidence"] for one in given) / len(given), 2),
    }


def values_of(members: Mapping[str, Evidence]) -> dict[str, Any]:
    """Plain JSON of the evidence."""
    return {name: one["value"] for name, one in members.items()}
