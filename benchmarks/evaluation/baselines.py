"""The naive ways to summarise with the same model, as LangChain has them in stock.

Their prompts, sizes and joints are LangChain's own defaults; only the splitter is told how much
fits the model's context. Decoding is greedy for all.
"""

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel

from workers.engine.engine import Engine

PROMPT_TOKENS = 256  #: of their prompts, about
ANSWER_TOKENS = 256  #: ChatLlamaCpp's own default
REFINED_TOKENS = 600  #: what a summary that is being refined may have grown to
OVERLAP = 0
Summarise = Callable[[str], str]


def baselines(chat: BaseChatModel, engine: Engine) -> Mapping[str, Summarise]:
    """By name: a text → its summary."""
    room = engine.context_tokens - PROMPT_TOKENS - ANSWER_TOKENS
    return {
        "first tokens": lambda text: _run(chat, "stuff", _cut(text, engine, room)[:1]),
        "map-reduce": lambda text: _run(chat, "map_reduce", _cut(text, engine, room), room),
        "refine": lambda text: _run(chat, "refine", _cut(text, engine, room - REFINED_TOKENS)),
    }


def _run(
    chat: BaseChatModel, way: str, documents: list[Document], token_max: int | None = None
) -> str:
    from langchain_classic.chains.summarize import load_summarize_chain  # noqa: PLC0415 - an extra

    more: dict[str, Any] = {} if token_max is None else {"token_max": token_max}
    chain: Any = load_summarize_chain(chat, chain_type=way, **more)
    return str(chain.invoke({"input_documents": documents})["output_text"]).strip()


def _cut(text: str, engine: Engine, tokens: int) -> list[Document]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - an extra

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=tokens, chunk_overlap=OVERLAP, length_function=engine.count_tokens
    )
    return [Document(part) for part in splitter.split_text(text)]
