"""Transcripts: what was said becomes readable, other texts stay as they are."""

from workers.summaries.spoken import Speech, rambling, readable, speakers

TALK = (
    "Ann: So, uh, the quay {vocalsound} is closed .\n\nBo: Um . Okay .\n\nAnn: We open it in May."
)


def test_speakers_are_known_by_their_turns() -> None:
    assert speakers(TALK) == {"Ann", "Bo"}
    assert speakers("王主席：今天討論預算。\n陳經理：好。\n王主席：先看收入。") == {
        "王主席",
        "陳經理",
    }
    assert (
        speakers("Note: wear a helmet.\n\nThe quay is closed.\n\nIt opens in May.") == frozenset()
    )
    assert speakers("Price: 3\nWeight: 4\nHeight: 5") == frozenset()


def test_fillers_noise_and_names_go() -> None:
    names = speakers(TALK)
    assert readable("Ann: So, uh, the quay {vocalsound} is closed .", names) == (
        "So, the quay is closed."
    )
    assert readable("Bo: um we, mm, agree", names) == "We, agree"


def test_other_texts_stay_as_they_are() -> None:
    said = "Note: the {name} of\nthe quay, um."
    assert readable(said, frozenset()) == "Note: the {name} of the quay, um."


def test_a_quoted_sentence_has_the_name_of_who_said_it() -> None:
    speech = Speech.of(TALK)
    begin = TALK.index("We open")
    assert speech.quoted(begin, len(TALK)) == "Ann: We open it in May."
    assert speech.quoted(0, TALK.index("\n")) == "Ann: So, the quay is closed."
    assert Speech.of("We open it in May.").quoted(0, 18) == "We open it in May."


def test_in_chinese_too_and_nobody_speaks_before_the_first_turn() -> None:
    speech = Speech.of("會議紀錄。\n王主席：今天討論預算。\n陳經理：好。\n王主席：先看收入。")
    assert speech.speaker(0) == ""
    assert speech.quoted(speech.source.index("先看"), len(speech.source)) == "王主席：先看收入。"


def test_what_a_model_wrote_keeps_the_name_that_it_gives() -> None:
    speech = Speech.of(TALK)
    assert speech.tidied("Bo:  Um , okay .") == "Bo: Okay."
    assert speech.tidied("The quay is closed.") == "The quay is closed."


def test_who_begins_over_again_rambles() -> None:
    assert rambling("We open the quay in May.") == 0
    assert rambling("It would have it would have been hard.") > 0
    assert rambling("and then " * 20) > rambling("It is is so.") > 0
