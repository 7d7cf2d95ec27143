"""What can go wrong with fetching, carrying and admitting models, named.

LecternError
├── NotFound: RepositoryMissing, ModelFileMissing
├── Refused: SourceUnclear, ChoiceUnclear, RepositoryLocked, ModelNotAllowed, ParcelUnusable
├── Unavailable: HubUnreachable, HubOffline, DownloadBroken
└── DownloadDiffers, AllowListUnusable
"""

from ingest.errors import LecternError, NotFound, Refused, Unavailable


class RepositoryMissing(NotFound):
    """{host} has no model repository {repository}{revision}, or none that this token may see."""

    code = "repository_not_found"


class ModelFileMissing(NotFound):
    """{where} has no GGUF file “{wanted}”; it has: {there}."""

    code = "model_file_not_found"


class SourceUnclear(Refused):
    """“{what}” names no model: say OWNER/REPOSITORY[:FORMAT or FILE], an address, or a name that
    `lectern models recommend --all` lists.
    """

    code = "model_source_unclear"


class ChoiceUnclear(Refused):
    """{where} has several: {there}. Say which: {where}:FORMAT or FILE."""

    code = "model_choice_unclear"


class RepositoryLocked(Refused):
    """{repository} asks for its terms to be accepted on {host} first; then set HF_TOKEN to a token
    of that account.
    """

    code = "repository_locked"


class HubUnreachable(Unavailable):
    """{host} does not answer as it should: {reason}."""

    code = "hub_unreachable"


class HubOffline(Unavailable):
    """Nothing is fetched while HF_HUB_OFFLINE is set; `lectern models import` takes a bundle that
    `lectern models export` made elsewhere.
    """

    code = "hub_offline"


class DownloadBroken(Unavailable):
    """The download of {file} broke off at {done} of {size} bytes: {reason}. The same command goes
    on from there.
    """

    code = "download_broken"


class DownloadDiffers(LecternError):
    """What came for {file} is not what was announced: {reason}."""

    code = "download_differs"


class ParcelUnusable(Refused):
    """The bundle {path} can't be used: {reason}."""

    code = "bundle_unusable"


class AllowListUnusable(LecternError):
    """The allow-list of models (LECTERN_MODEL_ALLOW) can't be used: {reason}."""

    code = "allow_list_unusable"


class ModelNotAllowed(Refused):
    """The model file {path} is not on the allow-list, LECTERN_MODEL_ALLOW; its SHA-256 is {sum}."""

    code = "model_not_allowed"
