"""Summaries are planned as the jobs make them."""

from dataclasses import replace

from workers.kinds import condensing, outlining
from workers.planning import placing, work
from workers.planning.asked import Asked
from workers.planning.work import Call, Work


def test_summaries_are_cut_as_the_jobs_cut_them() -> None:
    assert work.SECTION_TOKENS == outlining.SECTION_TOKENS
    assert work.PROMPT_OVERHEAD == outlining.PROMPT_OVERHEAD
    assert work.PROMPT_TOKENS == outlining.PROMPT_TOKENS
    assert condensing.Answers(work.SECTION_ANSWER, work.MERGE_ANSWER) == condensing.ANSWERS
    # 4,096 less 256 and 640 leave 3,200: ten sections, whose answers fit one last prompt.
    cut = Work(prompt=2_000, answer=250, document=30_000, context=4_096, slots=8)
    assert work.summary_calls(cut) == (*[Call(3_128, 320)] * 10, Call(3_328, 640))
    short = replace(cut, document=3_000)
    assert work.summary_calls(short) == (Call(3_128, 640),)
    long = work.summary_calls(replace(cut, document=200_000))
    assert len(long) == 63 + 7 + 2 + 1  # sections, two rounds of merges, the last


def test_a_sequence_holds_a_question_with_its_answer() -> None:
    assert placing.context(Asked("8B", context=512)) == 3_072
    assert placing.context(Asked("8B", context=16_384)) == 16_384
    assert placing.context(Asked("8B", prompt=9_000)) == 10_240
