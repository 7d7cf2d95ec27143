"""The result of a summary: its tree, every sentence of it with what carries it in the documents.

A sentence of a merge is carried by sentences of the summaries below it, those by theirs, and those
of a section by places in the text. So it is as sure as the weakest link down to there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workers import usage
from workers.citations import Citation
from workers.jobs import Step
from workers.kinds.condensing import partial
from workers.support import Support

#: From sure to unsure.
ORDER = (Support.VERIFIED, Support.SIMILAR, Support.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class _Carried:
    """A sentence as it is shown."""

    text: str
    support: Support
    citations: tuple[int, ...]
    of: tuple[tuple[str, int], ...]  #: (step, sentence) below that carry it


def tree(outlines: Sequence[dict[str, Any]], steps: Sequence[Step], top: Step) -> dict[str, Any]:
    """The result whose summary is the output of `top`."""
    worked = [step for step in steps if step.output and "sentences" in step.output]
    worked.sort(key=lambda step: (step.input["level"], step.ordinal))
    links = _Links(outlines)
    nodes = [_node(step, links.carried(step)) for step in worked]
    outputs = [step.output for step in worked if step.output]
    paid = [output for output in outputs if not output["reused"]]
    reused = [output for output in outputs if output["reused"]]
    summit = next(node for node in nodes if node["id"] == top.id)
    return {
        "summary": summit["text"],
        "thought": summit["thought"],
        "language": top.input["form"]["language"],
        "form": top.input["form"],
        "length": (top.output or {})["length"],
        "sentences": summit["sentences"],
        "citations": [asdict(citation) for citation in links.citations],
        "sections": nodes,
        "coverage": outlines[0]["coverage"],
        "usage": usage.total(output["usage"] for output in paid),
        "steps_reused": len(reused),
        "saved": {
            "steps": len(reused),
            "tokens": sum(_tokens(output["usage"]) for output in reused),
            "model_ms": sum(output["ms"] for output in reused),
        },
        "timings": {"model_ms": sum(output["ms"] for output in paid)},
    }


class _Links:
    """Which sentence is carried by what, from the leaves upward."""

    def __init__(self, outlines: Sequence[dict[str, Any]]) -> None:
        self._outlines = {outline["document_id"]: outline for outline in outlines}
        self._carried: dict[str, list[_Carried]] = {}
        self._known: dict[tuple[str, int, int, int], Citation] = {}

    @property
    def citations(self) -> list[Citation]:
        return list(self._known.values())

    def carried(self, step: Step) -> list[_Carried]:
        """The sentences of a step; those of the steps below it have been asked for before."""
        assert step.output is not None, "a finished step has an output"
        if "cites" in step.output:
            found = list(self._in_text(step, step.output))
        else:
            found = list(self._in_summaries(step, step.output))
        self._carried[step.id] = found
        return found

    def _in_text(self, step: Step, output: dict[str, Any]) -> Iterator[_Carried]:
        outline = self._outlines[step.input["documents"][0]]
        for sentence, cites in zip(output["sentences"], output["cites"], strict=True):
            support = Support(sentence["support"])
            ids = tuple(
                self._cite(outline, cite, verified=support is Support.VERIFIED) for cite in cites
            )
            yield _Carried(sentence["text"], support, ids, ())

    def _in_summaries(self, step: Step, output: dict[str, Any]) -> Iterator[_Carried]:
        below = [
            (child, place)
            for child in (*step.input["children"], *step.input.get("leaves", ()))
            for place in range(len(self._carried[child]))
        ]
        for sentence in output["sentences"]:
            of = tuple(below[source] for source, _, _ in sentence["places"])
            links = [self._carried[child][place] for child, place in of]
            support = _weakest(Support(sentence["support"]), links)
            ids = dict.fromkeys(number for link in links for number in link.citations)
            yield _Carried(sentence["text"], support, tuple(ids), of)

    def _cite(self, outline: dict[str, Any], cite: dict[str, Any], *, verified: bool) -> int:
        key = outline["version_id"], cite["page"], cite["char_start"], cite["char_end"]
        if key not in self._known:
            self._known[key] = Citation(
                id=len(self._known) + 1,
                document_id=outline["document_id"],
                document_name=outline["name"],
                version_id=outline["version_id"],
                verified=verified,
                **cite,
            )
        return self._known[key].id


def _weakest(own: Support, links: Sequence[_Carried]) -> Support:
    """A chain of links is as strong as its weakest one."""
    if own is Support.NO_CLAIM or not links:
        return own
    each = [own, *(link.support for link in links if link.support is not Support.NO_CLAIM)]
    return max(each, key=ORDER.index)


def _node(step: Step, carried: Sequence[_Carried]) -> dict[str, Any]:
    return {
        "id": step.id,
        "kind": step.kind,
        **partial(step.input, step.ordinal, step.output or {}),
        "children": step.input.get("children", []),
        "sentences": [asdict(sentence) for sentence in carried],
    }


def _tokens(used: dict[str, float]) -> float:
    return used["prompt_tokens"] + used["completion_tokens"]
