"""Minutes: lines are told apart by their marks, and no decision is lost."""

from workers.styles import Tongue
from workers.summaries.minutes import Item, ItemKind, cued, items, lines, minutes, plain

DECISION, ACTION, POINT = ItemKind.DECISION, ItemKind.ACTION, ItemKind.POINT


def test_marks_are_read_as_models_write_them() -> None:
    text = "- Decision: The quay is widened.\n* **Action**: Ann asks the bank.\n"
    text += "Action items: Bo waits."
    assert items(text + "\nIt rained.\n\n") == [
        Item(DECISION, "The quay is widened."),
        Item(ACTION, "Ann asks the bank."),
        Item(ACTION, "Bo waits."),
        Item(POINT, "It rained."),
    ]
    assert items("決議：通過預算。\n- 待辦事項：王小姐於五月前提出報告。\n重點: 討論加班。") == [
        Item(DECISION, "通過預算。"),
        Item(ACTION, "王小姐於五月前提出報告。"),
        Item(POINT, "討論加班。"),
    ]


def test_what_is_written_is_read_again() -> None:
    found = [Item(DECISION, "Yes."), Item(POINT, "Perhaps.")]
    for tongue in Tongue:
        assert items(lines(found, tongue)) == found
        assert plain(lines(found, tongue)) == "Yes.\nPerhaps."


def test_every_decision_is_listed_once_and_their_absence_is_said() -> None:
    found = [
        Item(DECISION, "Widen the quay."),
        Item(DECISION, "widen the quay"),
        Item(POINT, "No."),
    ]
    assert minutes("About the quay.", found, Tongue.ENGLISH) == (
        "About the quay.\n\nDecisions:\n- Widen the quay.\n\nNo action was found."
    )
    assert minutes("談碼頭。", [], Tongue.CHINESE) == "談碼頭。\n\n未找到決議。\n\n未找到待辦事項。"


def test_cues_find_what_a_small_model_does_not() -> None:
    source = (
        "The weather was fine on that day and nobody minded. The board agreed to widen the quay "
        "by four metres. Ann needs to ask the bank for another loan by Friday."
    )
    assert [item.kind for item in cued(source)] == [DECISION, ACTION]
    (decision,) = cued("會中決議通過明年度的碼頭擴建預算案。當天天氣晴朗，與會人員心情愉快。")
    assert decision == Item(DECISION, "會中決議通過明年度的碼頭擴建預算案。")
