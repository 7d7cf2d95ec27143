"""LangChain's own standard suites for chat models, against the real default model."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from workers.chat_model import LecternChat
from workers.engine.engine import Engine

pytestmark = pytest.mark.model


class Standard:
    """What both suites need to know about the model."""

    has_tool_calling = False  # see workers/chat_model.py
    has_structured_output = True
    supports_json_mode = False
    supports_model_override = False  # the model is loaded, not chosen per call

    @pytest.fixture(autouse=True)
    def _loaded(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return LecternChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": self.engine, "repeat_penalty": 1.2}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0.0, "max_tokens": 128, "stop": []}


class TestUnit(Standard, ChatModelUnitTests):
    """No generation."""


class TestIntegration(Standard, ChatModelIntegrationTests):
    """Real generation."""
