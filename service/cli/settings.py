"""What the launcher must know of the workers' settings: whether a part is brought by somebody."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`LECTERN_*` variables read by the launcher; `.env` is read too."""

    model_config = SettingsConfigDict(env_prefix="LECTERN_", env_file=".env", extra="ignore")

    redis_url: str = Field("", description="Redis; `up` starts one when this is not set")
    model: str = Field("", description="GGUF file, or bundled; empty: the one in use")
    llm_url: str = Field("", description="OpenAI-compatible server to use in place of the engine")
    rpc_servers: str = Field("", description="RPC hosts that hold a part of the model")


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
