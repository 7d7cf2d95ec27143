"""Traditional characters: Simplified sentences are converted, Traditional ones left alone."""

from workers.traditional import traditional


def test_only_simplified_sentences_are_converted() -> None:
    assert traditional("公司每月补助网络费。") == "公司每月補助網絡費。"
    kept = "離公司三里，皇后區的台灣同仁應於三日前提出申請。"
    assert traditional(kept) == kept
    assert traditional("Nothing to convert.") == "Nothing to convert."
