"""The hub: what a model repository holds, at one commit, with the sums it states.

huggingface-hub speaks to it (addresses, tokens, errors); the files themselves are `fetching`'s.
The token is the one that huggingface-hub finds: HF_TOKEN, or what its own login has kept.
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, ModelInfo, constants, get_token, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from workers.models.errors import (
    HubOffline,
    HubUnreachable,
    RepositoryLocked,
    RepositoryMissing,
    SourceUnclear,
)

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that can be fetched."""

    path: str  #: in its repository, or the last part of its address
    url: str
    size: int  #: bytes
    sha256: str = ""  #: as its source states it; empty: not stated
    version: str = ""  #: what tells it from an earlier file at the same address
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Without folders."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as it was at one commit."""

    id: str
    commit: str
    licence: str
    files: tuple[Remote, ...]


class Hub:
    """huggingface.co, or a mirror of it."""

    def __init__(self, mirror: str = "") -> None:
        """`mirror`: its address, empty for the one that huggingface-hub takes."""
        self.endpoint = (mirror or constants.ENDPOINT).rstrip("/")
        self.host = urlsplit(self.endpoint).netloc

    def repository(self, name: str, revision: str | None = None) -> Repository:
        """What `OWNER/NAME` holds. Raises what `workers.models.errors` names."""
        require_online()
        told = {"repository": name, "host": self.host}
        try:
            info = HfApi(self.endpoint, library_name="lectern").model_info(
                name, revision=revision, files_metadata=True, timeout=PATIENCE_SECONDS
            )
            return self._repository(name, info)
        except HFValidationError as error:
            raise SourceUnclear(what=name) from error
        except OfflineModeIsEnabled as error:
            raise HubOffline from error
        except GatedRepoError as error:
            raise RepositoryLocked(**told) from error
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            at = f" at {revision}" if revision else ""
            raise RepositoryMissing(**told, revision=at) from error
        except (HfHubHTTPError, httpx2.HTTPError) as error:
            raise HubUnreachable(host=self.host, reason=_line(error)) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HubUnreachable(host=self.host, reason="its answer makes no sense") from error

    def _repository(self, name: str, info: ModelInfo) -> Repository:
        if not isinstance(info.sha, str) or not constants.REGEX_COMMIT_OID.fullmatch(info.sha):
            raise ValueError("no commit")
        token = get_token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        files = []
        for one in info.siblings or ():
            if one.size is None or one.size < 0:
                continue
            url = hf_hub_url(name, one.rfilename, revision=info.sha, endpoint=self.endpoint)
            sha256 = str(one.lfs.sha256).lower() if one.lfs else ""
            files.append(Remote(one.rfilename, url, int(one.size), sha256, info.sha, headers))
        return Repository(name, info.sha, _licence(info), tuple(files))


def require_online() -> None:
    """Raises HubOffline where the operator has said so."""
    if constants.HF_HUB_OFFLINE:
        raise HubOffline


def _licence(info: ModelInfo) -> str:
    card = info.card_data
    said = (card.get("license"), card.get("license_name")) if card else (None, None)
    return str((said[1] if said[0] == "other" else said[0]) or said[0] or "")


def _line(error: Exception) -> str:
    """The first line of what a library says; the type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__
