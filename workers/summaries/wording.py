"""The prompts of summaries, by style, in English and in Traditional Chinese.

What is read of a document does not depend on the style, but for minutes and for the reader's own
instruction: only the last prompt does, so that a second summary of it costs one step.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_core.prompts import ChatPromptTemplate

from workers.prompts import FENCE, GUARD, GUARD_ZH
from workers.styles import Style, Tongue


@dataclass(frozen=True, slots=True)
class Wording:
    """The prompts of one language. `size`, `length` and `has` are put into words by it."""

    section: ChatPromptTemplate  #: title, text, task
    merge: ChatPromptTemplate  #: text, task
    tasks: Mapping[Style, str]  #: instruction: what to write about a section
    merging: str  #: what to write about several of them that are not all
    final: Mapping[Style, str]  #: length, instruction: what to write about all of it
    again: str  #: has, length: what to say when it is too long or too short
    sizes: tuple[str, str]  #: of what is written about a section, by a small and a large model


def _chat(system: str, human: str) -> ChatPromptTemplate:
    return ChatPromptTemplate([("system", system), ("human", human)])


_TASK = "Summarise it in {size}. Keep its facts, names and figures. Write only the summary."
_TASK_ZH = "請以{size}摘要，保留事實、名稱與數字。只寫摘要。"
_READ_ALIKE = (Style.BRIEF, Style.STANDARD, Style.DETAILED, Style.EXECUTIVE, Style.BULLETS)

ENGLISH = Wording(
    section=_chat(
        f"You summarise texts faithfully and briefly. {GUARD}",
        f"Part of a document, “{{title}}”:\n\n{FENCE}\n{{text}}\n{FENCE}\n\n{{task}}",
    ),
    merge=_chat(
        f"You summarise texts faithfully and briefly. {GUARD}",
        f"Summaries of the parts of one document, in order:\n\n"
        f"{FENCE}\n{{text}}\n{FENCE}\n\n{{task}}",
    ),
    tasks={
        **dict.fromkeys(_READ_ALIKE, _TASK),
        Style.MINUTES: "It is from a meeting. Write one line for each point that matters. Begin a "
        "line with “Decision: ” for what was decided, with “Action: ” for what somebody is to do "
        "(who, what, by when), and with “Point: ” for anything else. Write only these lines.",
        Style.CUSTOM: "A reader wants this of the whole document: {instruction}\n"
        "Write in {size} what this part has to say to it. Write only that.",
    },
    merging="Write one summary of these parts in at most ten sentences. Keep facts, names and "
    "figures. Write only the summary.",
    final={
        Style.BRIEF: "Say what the document says in one short paragraph of about {length} words. "
        "Write only the paragraph.",
        Style.STANDARD: "Write one summary of the whole document in about {length} words. "
        "Write only the summary.",
        Style.DETAILED: "Write a detailed summary of the whole document, part by part, in about "
        "{length} words. Keep its facts, names and figures. Write only the summary.",
        Style.EXECUTIVE: "Write a summary of about {length} words for somebody who has to decide: "
        "what it is about, what was found, with the figures, the risks, and what is asked for or "
        "recommended. Write only the summary.",
        Style.BULLETS: "Write the key points of the whole document, each on a line of its own "
        "that begins with “- ”, in about {length} words in all. Write only these lines.",
        Style.MINUTES: "Say in about {length} words what the meeting was about and what it came "
        "to. Write only that.",
        Style.CUSTOM: "A reader wants this of the whole document: {instruction}\n"
        "Write it in about {length} words. Write only that.",
    },
    again="\n\nA first try had {has} words. It must have about {length}.",
    sizes=("three or four sentences", "six to eight sentences"),
)

CHINESE = Wording(
    section=_chat(
        f"你負責忠實、簡短地摘要文件，一律使用臺灣的繁體中文。{GUARD_ZH}",
        f"文件的一部分「{{title}}」：\n\n{FENCE}\n{{text}}\n{FENCE}\n\n{{task}}",
    ),
    merge=_chat(
        f"你負責忠實、簡短地摘要文件，一律使用臺灣的繁體中文。{GUARD_ZH}",
        f"同一份文件各部分的摘要，依序如下：\n\n{FENCE}\n{{text}}\n{FENCE}\n\n{{task}}",
    ),
    tasks={
        **dict.fromkeys(_READ_ALIKE, _TASK_ZH),
        Style.MINUTES: "這是會議的一部分。請把每個重點各寫成一行：決議以「決議：」開頭；"
        "待辦事項以「待辦：」開頭，寫明負責人、事項與期限；其他以「重點：」開頭。只寫這些行。",
        Style.CUSTOM: "讀者對整份文件的要求：{instruction}\n"
        "請以{size}寫出這一部分與此要求有關的內容。只寫內容。",
    },
    merging="請把這些部分寫成一份摘要，十句以內，保留事實、名稱與數字。只寫摘要。",
    final={
        Style.BRIEF: "請以約 {length} 字的一小段說明整份文件的內容。只寫這一段。",
        Style.STANDARD: "請寫成整份文件的摘要，約 {length} 字。只寫摘要。",
        Style.DETAILED: "請依序逐部分寫成整份文件的詳細摘要，約 {length} 字，"
        "保留事實、名稱與數字。只寫摘要。",
        Style.EXECUTIVE: "請為決策者寫一份約 {length} 字的摘要：主題、發現與數字、"
        "風險、請求或建議事項。只寫摘要。",
        Style.BULLETS: "請列出整份文件的重點，每點一行，以「- 」開頭，共約 {length} 字。"
        "只寫這些行。",
        Style.MINUTES: "請以約 {length} 字說明會議討論了什麼、有什麼結果。只寫內容。",
        Style.CUSTOM: "讀者對整份文件的要求：{instruction}\n請照此撰寫，約 {length} 字。只寫內容。",
    },
    again="\n\n前一次寫了 {has} 字，必須約為 {length} 字。",
    sizes=("三到四句", "六到八句"),
)

WORDINGS: dict[Tongue, Wording] = {Tongue.ENGLISH: ENGLISH, Tongue.CHINESE: CHINESE}
