"""How jobs are carried and how the engine is run."""

from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.mailboxes import Address, addresses
from ingest.settings import settings as ingest_settings
from workers.localtime import zone
from workers.models.shelf import BUNDLED, Shelf

LONGEST_LEASE = 600.0  #: seconds; a lease that lasts longer is of another clock


class Settings(BaseSettings):
    """`LECTERN_*` variables read by the workers; `.env` is read too."""

    model_config = SettingsConfigDict(
        env_prefix="LECTERN_",
        env_file=".env",
        extra="ignore",
        hide_input_in_errors=True,  # there are passwords among them
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Redis; `up` starts one when this is not set"
    )
    model: str = Field(
        "", description="GGUF file, or bundled; empty: the one in use, at first the bundled one"
    )
    model_allow: str = Field(
        "", description="SHA-256 sums of models that may be loaded, or a file of them; empty: any"
    )
    model_mirror: str = Field(
        "", description="where models are pulled from in place of huggingface.co"
    )
    llm_url: str = Field("", description="OpenAI-compatible server to use in place of the engine")
    llm_model: str = Field("", description="model name to ask that server for")
    llm_api_key: str = Field("", description="key for that server")
    llm_context: int = Field(8_192, description="context of that server's model in tokens")
    llm_small: bool = Field(
        False,
        description="a model under a billion parameters: it may write less, and is not believed",
    )
    context: int = Field(4_096, description="tokens one sequence of the engine may hold")
    batch_slots: int = Field(8, description="batch sequences one engine works on at once")
    interactive_slots: int = Field(2, description="interactive sequences one engine works on")
    threads: int = Field(0, description="engine threads; 0: as measured, or the physical cores")
    prefill_threads: int = Field(0, description="threads for more than one row; 0: LECTERN_THREADS")
    batch: int = Field(
        0, ge=0, description="prompt tokens of one step, such as 512, 1024, 2048; 0: as measured"
    )
    ubatch: int = Field(0, ge=0, description="rows computed at once; 0: as measured")
    flash_attention: Literal["on", "off", "auto"] = Field(
        "auto", description="auto: as measured; off decodes small models faster on most x86 hosts"
    )
    repack: Literal["on", "off", "auto"] = Field(
        "auto", description="weights in the order of faster kernels; auto: as measured"
    )
    mlock: Literal["on", "off", "auto"] = Field(
        "auto", description="keep the weights from being swapped out; auto: where the limit allows"
    )
    mmap: Literal["on", "off", "auto"] = Field(
        "auto", description="map the weights, shared by processes, or read a copy; auto: map"
    )
    gpu_layers: int = Field(
        0, ge=-1, description="layers that a GPU computes, if llama.cpp was built for it; -1: all"
    )
    numa: Literal["auto", "per-node", "interleave", "isolate", "off"] = Field(
        "auto", description="where workers run and keep memory; auto: one on each of several nodes"
    )
    numa_node: int = Field(
        -1, ge=-1, description="node of this worker; -1: one that no other worker of the host has"
    )
    kv_type: Literal["f16", "q8_0"] = Field(
        "f16", description="how KV is kept; q8_0 takes half the memory and prefills slower"
    )
    weights: Literal["shipped", "Q8_0", "F16", "BF16", "auto"] = Field(
        "auto", description="format the bundled model is re-quantised to; auto: as measured"
    )
    tune: Literal["auto", "off"] = Field(
        "auto", description="auto: the first start measures this machine, within a minute"
    )
    rpc_servers: str = Field(
        "", description="RPC hosts that hold a part of the model, host:port, separated by commas"
    )
    rpc_split: str = Field(
        "", description="layers here and on each of them, such as 20,30,30; empty: by free memory"
    )
    thinking: Literal["on", "off"] = Field(
        "off", description="on lets reasoning models think before they answer: slower, often better"
    )
    compose: Literal["on", "off"] = Field(
        "off", description="on joins passages from kept KV: a faster first word, approximate"
    )
    prefix_cache_mb: int = Field(1_024, description="memory for the KV states of shared prefixes")
    prefix_disk_mb: int = Field(
        4_096, description="disk space for the KV states of documents; 0 keeps none"
    )
    warm: bool = Field(
        default=True, description="compute new documents while there is nothing else to do"
    )
    lease_seconds: float = Field(
        default=30.0, le=LONGEST_LEASE, description="a worker silent for longer loses its steps"
    )
    tick_seconds: float = Field(
        default=2.0, description="how often lost and forgotten steps are sought"
    )
    night: str = Field(
        "22:00-06:00",
        description="clock times between which jobs run that can wait for the night",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
    )
    timezone: str = Field("", description="whose clocks, such as Asia/Taipei; empty: the system's")
    webhook_hosts: str = Field(
        "", description="only hosts webhooks may be sent to, separated by commas; empty: any"
    )
    watch_folders: str = Field(
        "", description="folders that may be watched, separated by commas; empty: none"
    )
    mailboxes: SecretStr = Field(
        SecretStr(""),
        description="mailboxes that may be read: NAME=imaps://USER:PASSWORD@HOST/FOLDER",
    )
    upload_mb: int = Field(200, description="size a file may have")

    _fixed_model: str = PrivateAttr("")

    @model_validator(mode="after")
    def _resolve_model(self) -> Self:
        """The one place where it is decided which model a process loads."""
        self._fixed_model = self.model
        if not self.model and not self.llm_url:
            in_use = Shelf.within(ingest_settings().data).path_in_use()
            self.model = "" if in_use is None else str(in_use)
        elif self.model == BUNDLED:
            self.model = ""
        return self

    @property
    def fixed_model(self) -> str:
        """What the operator's LECTERN_MODEL says: it goes before the model in use."""
        return self._fixed_model

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        zone(name)
        return name

    @field_validator("mailboxes")
    @classmethod
    def _addressed(cls, given: SecretStr) -> SecretStr:
        addresses(given.get_secret_value())
        return given

    @property
    def mail_addresses(self) -> tuple[Address, ...]:
        """Those of `mailboxes`."""
        return addresses(self.mailboxes.get_secret_value())

    @property
    def webhook_receivers(self) -> frozenset[str]:
        """Names of `webhook_hosts`, in lower case."""
        names = (name.strip().lower() for name in self.webhook_hosts.split(","))
        return frozenset(name for name in names if name)

    @property
    def watchable(self) -> tuple[Path, ...]:
        """Folders of `watch_folders`."""
        names = (name.strip() for name in self.watch_folders.split(","))
        return tuple(Path(name).expanduser() for name in names if name)


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


def kv_folder(data: Path) -> Path:
    """Where the KV states of documents are kept: the documents in another form."""
    return data / "kv"


def rpc_cache_folder(data: Path) -> Path:
    """Where an RPC host keeps weights that it has been sent."""
    return data / "rpc"


def models_folder(data: Path) -> Path:
    """Where re-quantised and downloaded models are kept."""
    return Shelf.within(data).folder
