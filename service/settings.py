"""Where the service listens and what it lets in."""

from functools import cache

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`LECTERN_*` variables read by the service; `.env` is read too."""

    model_config = SettingsConfigDict(env_prefix="LECTERN_", env_file=".env", extra="ignore")

    host: str = Field(
        default="127.0.0.1", description="address to listen on; 0.0.0.0: every interface"
    )
    port: int = Field(default=8000, description="port to listen on", ge=0, le=65_535)
    allowed_hosts: str = Field(
        default="",
        description="further names the service answers to, separated by commas; *: any name",
    )
    owner_header: str = Field(
        default="",
        description="header in which a proxy says whose a request is; empty: nobody is asked",
    )
    upload_mb: int = Field(default=200, description="size a file may have", ge=1)
    upload_files: int = Field(default=100, description="files one upload may have", ge=1)
    import_hosts: str = Field(
        default="",
        description="hosts files may be fetched from, separated by commas; *: any public one; "
        "empty: none",
    )
    question_characters: int = Field(default=4_000, description="length a question may have", ge=1)
    samples: bool = Field(default=True, description="read the sample documents on the first start")

    @property
    def upload_bytes(self) -> int:
        """Size limit of one file."""
        return self.upload_mb * 1024 * 1024

    @property
    def import_names(self) -> frozenset[str]:
        """Names of `import_hosts`, in lower case."""
        return _names(self.import_hosts)

    @property
    def names(self) -> frozenset[str]:
        """Names of `allowed_hosts`, in lower case."""
        return _names(self.allowed_hosts)


def _names(listed: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in listed.split(",") if name.strip())


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
