"""Follow-up questions: which of them lean on the question before."""

import pytest

from workers.followups import leans


@pytest.mark.parametrize(
    "question",
    [
        "And in 2024?",
        "Who approved it?",
        "Why?",
        "What about the northern pumping station and its pumps?",
        "Did they replace the pumps of the northern station?",
        "How much?",
        "那 2024 年呢？",
        "由誰核准？",
        "它的上限是多少元？",
        "還有哪些單位可以申請設備補助？",
    ],
)
def test_what_has_no_subject_leans(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        "When were the pumps of the northern station replaced?",
        "How many properties lost supply when the main under Alder Road burst?",
        "What is the coupon of the green bond?",
        "首次核准定期遠距時，設備補助的上限是多少？",
        "懷疑帳號遭盜用時，多久以內要通報資訊安全室？",
    ],
)
def test_what_names_its_subject_stands_alone(question: str) -> None:
    assert not leans(question)
