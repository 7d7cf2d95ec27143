"""The last steps of a comparison: its lists out of all alignments, and the overview of them."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from workers import jobs, overview, prompts, writing
from workers.citations import Sentence, without_markers
from workers.comparing.focus import Focus
from workers.comparing.groups import merged
from workers.comparing.report import Lists, report
from workers.comparing.source import load
from workers.kinds.aligning import read_back
from workers.work import Output, Work

OVERVIEW_ANSWER = 240  #: tokens, about 120 words
OVERVIEW_TOKENS = 1_400  #: of the statements that a model is shown
PROMPT_OVERHEAD = 256  #: tokens kept for the template and the instruction
CARRIED = 0.5  #: share of the model's sentences that the statements must carry


def gather(work: Work) -> Output:
    """What agrees, differs, or stands in one document only, with citations."""
    began = time.monotonic()
    sources = [load(version_id, work.check) for _, version_id in work.job.params["versions"]]
    alignments = {}
    for step in jobs.steps_of(work.job.id):
        if step.kind == "align" and step.output:
            mine, theirs = step.input["pair"]
            alignments[mine, theirs] = read_back(step.output, sources[mine], sources[theirs])
    groups = merged([source.statements for source in sources], alignments)
    if subject := work.job.params.get("focus"):
        focus = Focus(subject, work.tools.embedder)
        groups = (group for group in groups if focus.concerns(group, sources))
    names = [document["name"] for document in work.step.input["documents"]]
    found = report(Lists.of(groups, len(sources)), sources, names)
    coverage = [{**one.coverage, "statements": len(one.statements)} for one in sources]
    ms = round(1e3 * (time.monotonic() - began))
    return Output({**found, "coverage": coverage, "ms": ms})


def write_overview(work: Work) -> Output:
    """The differences in a few checked sentences, or as plain counts.

    A small model is not asked: it would put the right words together wrongly.
    """
    given, language = work.step.input, work.tools.language
    found = next(step.output for step in jobs.steps_of(work.job.id) if step.kind == "gather")
    assert found is not None, "the overview is planned when the lists are there"
    names = _labels(given["documents"])
    plain = overview.counted(found, names, given["language"])
    budget = min(OVERVIEW_TOKENS, language.context_tokens - OVERVIEW_ANSWER - PROMPT_OVERHEAD)
    told = [] if language.small else overview.entries(found, names)
    shown = list(overview.fitting(told, language.count_tokens, budget))
    if not shown:
        return Output(_counted(plain))
    text = "\n\n".join(prompts.harmless(entry.text) for entry in shown)
    sources = frozenset(one["document_id"] for one in given["documents"])
    limits = work.limits(OVERVIEW_ANSWER, sources)
    prompt = prompts.PROMPTS[given["language"]].compared
    written = writing.write(work, prompt, {"text": text}, limits)
    sentences = overview.checked(written.text, shown, plain)
    verified = sum(sentence.verified for sentence in sentences)
    if verified and verified >= CARRIED * len(sentences):
        made = _written(written.text, sentences)
    else:
        made = {**_counted(plain), "draft": written.text}
    return Output({**made, "usage": written.usage(), "ms": written.total_ms})


def _written(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    return {
        "overview": without_markers(text),
        "mode": "written",
        "sentences": [asdict(sentence) for sentence in sentences],
        "draft": None,
    }


def _counted(plain: str) -> dict[str, Any]:
    return {
        "overview": plain,
        "mode": "counted",
        "sentences": [],
        "draft": None,
        "usage": {},
        "ms": 0,
    }


def _labels(documents: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What each version is called, by its id; equal names are told apart."""
    names = Counter(one["name"] for one in documents)
    numbered = [
        f"{one['name']} v{one['version']}" if names[one["name"]] > 1 else one["name"]
        for one in documents
    ]
    seen = Counter(numbered)
    return {
        one["version_id"]: f"{label} ({place})" if seen[label] > 1 else label
        for place, (one, label) in enumerate(zip(documents, numbered, strict=True), start=1)
    }
