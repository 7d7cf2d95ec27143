"""Conversations: questions to one collection that follow each other."""

from typing import Any

from fastapi import APIRouter

from service.deps import Identifier, OptionalId
from service.schemas import answers as schemas
from workers import conversations

router = APIRouter(prefix="/v1/conversations", tags=["conversations"])


@router.get("", response_model=schemas.Conversations)
def list_conversations(collection_id: OptionalId = None) -> dict[str, Any]:
    """Conversations, newest first, without their turns."""
    return {"conversations": [_head(found) for found in conversations.listing(collection_id)]}


@router.get("/{conversation_id}", response_model=schemas.Conversation)
def get_conversation(conversation_id: Identifier) -> dict[str, Any]:
    """One conversation with its turns, oldest first."""
    return conversations.get(conversation_id).public()


@router.delete("/{conversation_id}", status_code=204)
def delete_conversation(conversation_id: Identifier) -> None:
    """Remove a conversation and its turns."""
    conversations.delete(conversation_id)


def _head(found: conversations.Conversation) -> dict[str, Any]:
    shown = found.public()
    del shown["turns"]
    return shown
