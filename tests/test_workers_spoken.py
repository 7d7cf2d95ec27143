"""Transcripts: what was said becomes readable, other texts stay as they are."""

from workers.summaries.spoken import readable, speakers

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
