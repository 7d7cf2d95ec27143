"""Where the library lives and how much a document may ask for."""

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`LECTERN_*` variables read by the library; `.env` is read too."""

    model_config = SettingsConfigDict(env_prefix="LECTERN_", env_file=".env", extra="ignore")

    data: Path = Field(Path("data"), description="folder that holds everything Lectern keeps")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder")
    blob_url: str = Field("", description="fsspec URL of the originals; empty: data/blobs")
    chroma_url: str = Field("", description="Chroma server; empty: `up` starts one on loopback")
    embedder: str = Field("", description="sentence-transformers folder; empty: the bundled one")
    reranker: str = Field("", description="folder of a cross-encoder; empty: none")
    rerank_ms: int = Field(300, description="milliseconds of a search that it may take")
    chunk_tokens: int = Field(200, description="size of a chunk in the embedder's tokens")
    max_pages: int = Field(5_000, description="pages a document may have")
    max_characters: int = Field(30_000_000, description="characters a document may have")
    parser_seconds: int = Field(300, description="wall-clock limit of one parser process")
    ocr_pages: int = Field(1_000, description="pages of a document that OCR may read; 0: no OCR")
    ocr_seconds: int = Field(60, description="more time for each page that OCR reads")
    parser_memory_mb: int = Field(2_048, description="address-space limit of one parser process")

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database_url or f"sqlite:///{(self.data / 'lectern.db').resolve()}"

    @property
    def resolved_blob_url(self) -> str:
        """The fsspec URL in use."""
        return self.blob_url or str((self.data / "blobs").resolve())


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
