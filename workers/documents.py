"""A whole document as the beginning of a prompt: in canonical order, the same tokens every time.

[system][document][questions and answers so far][question]: nothing that changes stands before the
document, so that the engine computes it once, and finds it again after a restart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ingest import library
from ingest.database import reading
from workers import prompts
from workers.conversations import Turn
from workers.engine.template import Message
from workers.language import CJK, Language
from workers.styles import Tongue

ANSWER_TOKENS = 160
PROMPT_OVERHEAD = 256  #: tokens kept for the template and the instruction
TURN_OVERHEAD = 64  #: the same of one earlier question
#: No text has so many characters for each token: what is longer need not be counted.
CHARACTERS_PER_TOKEN = 16
#: Turns that are left out at once when a conversation grows too long: each time all that stands
#: behind the document is computed anew.
TURNS_DROPPED = 4


@dataclass(frozen=True, slots=True)
class Whole:
    """A document that fits the model's context with room for a question and its answer."""

    document_id: str
    text: str
    tongue: Tongue  #: its own; the questions may be in another
    room: int  #: tokens left for what was said before


def whole(document_id: str, language: Language, question: str) -> Whole | None:
    """The document as it stands in prompts; None when it is not there or too long."""
    limit = language.context_tokens - ANSWER_TOKENS - PROMPT_OVERHEAD
    with reading() as session:
        pages = library.page_texts(session, document_id, limit * CHARACTERS_PER_TOKEN)
    text = text_of(pages)
    room = limit - language.count_tokens(text) - language.count_tokens(question)
    if not text or room < 0:
        return None
    return Whole(document_id, text, prompts.tongue_of(pages), room)


def text_of(pages: Iterable[str]) -> str:
    """The text of a document, of its pages in order, as it stands in every prompt about it."""
    return prompts.harmless("\n\n".join(page for page in pages if page.strip()))


def beginning(document: Whole) -> list[Message]:
    """What every prompt about the document begins with, for the engine."""
    given = {"document": document.text, "first": "", "later": []}
    system, human = prompts.PROMPTS[document.tongue].talk.format_messages(**given)
    return [Message("system", system.text), Message("user", "", shared=(human.text,))]


def talk(turns: Sequence[Turn], question: str) -> tuple[str, list[BaseMessage]]:
    """The first question of a conversation, and the messages that follow it.

    What was said is told in the same words every time, and only appended to.
    """
    questions = [_asked(text) for text in (*(turn.question for turn in turns), question)]
    later: list[BaseMessage] = []
    for turn, following in zip(turns, questions[1:], strict=True):
        later += [AIMessage(prompts.harmless(turn.answer or "")), HumanMessage(following)]
    return questions[0], later


def fitting(turns: Sequence[Turn], document: Whole, language: Language) -> Sequence[Turn]:
    """The turns for which there is room, without the oldest."""
    costs = [
        language.count_tokens(f"{turn.question} {turn.answer}") + TURN_OVERHEAD for turn in turns
    ]
    begin = 0
    while begin < len(turns) and sum(costs[begin:]) > document.room:
        begin += TURNS_DROPPED
    return turns[begin:]


def tongue_of_question(question: str) -> Tongue:
    """The language to answer in: the question's own."""
    return Tongue.CHINESE if CJK.search(question) else Tongue.ENGLISH


def _asked(question: str) -> str:
    wording = prompts.PROMPTS[tongue_of_question(question)]
    return wording.asked.format(question=prompts.harmless(question), refusal=wording.refusal)
