"""JSON schema → the GBNF grammar that the sampler enforces."""

import json
from typing import Any

from llama_cpp.llama_grammar import json_schema_to_gbnf


def grammar_of(schema: dict[str, Any]) -> str:
    """A grammar whose every sentence is JSON of `schema`. Raises ValueError for odd schemas."""
    return str(json_schema_to_gbnf(json.dumps(schema)))
