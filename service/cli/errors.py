"""What can go wrong in the launcher, named: one clear line each.

LecternError
├── ServiceUnreachable, ApiError, JobFailed       talking to a service
├── Ambiguous, NoSuchFile, NothingToAdd,
│   FileUnusable                                  what the user named
├── AlreadyRunning, PortBusy, PartFailed,
│   PieceMissing                                  starting the parts
└── TuneFailed, PlanFailed                        measuring this machine, planning for another
"""

from ingest.errors import LecternError


class ServiceUnreachable(LecternError):
    """No service answers at {url}; start it with ./lectern up, or name it with --url."""

    code = "service_unreachable"


class ConnectionLost(LecternError):
    """The service at {url} stopped answering: {reason}."""

    code = "connection_lost"


class ApiError(LecternError):
    """{message}"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


class JobFailed(LecternError):
    """{message}"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


class NoSuchDocument(LecternError):
    """There is no document or file named “{name}”."""

    code = "document_not_found"


class NoEarlierVersion(LecternError):
    """“{name}” has one version only; name another document to compare it with."""

    code = "no_earlier_version"


class OneFileOnly(LecternError):
    """A version is one file; {count} were named."""

    code = "one_file_only"


class NoSuchCollection(LecternError):
    """There is no collection “{name}”; there are: {names}."""

    code = "collection_not_found"


class Ambiguous(LecternError):
    """“{name}” may mean {choices}; name one of them."""

    code = "ambiguous_name"


class NoSuchFile(LecternError):
    """There is no file or folder {path}."""

    code = "file_not_found"


class NothingToAdd(LecternError):
    """There is no file of a kind that can be read ({kinds}) in {path}."""

    code = "nothing_to_add"


class FileUnusable(LecternError):
    """The file {path} can't be used: {reason}."""

    code = "file_unusable"


class AlreadyRunning(LecternError):
    """Lectern is already running on this data folder: pid {pid}, {address}."""

    code = "already_running"


class PortBusy(LecternError):
    """Port {port} on {host} is in use; free it, or set LECTERN_PORT to another."""

    code = "port_busy"


class AddressUnusable(LecternError):
    """{host}:{port} can't be listened on ({reason}); set LECTERN_HOST and LECTERN_PORT."""

    code = "address_unusable"


class DataFolderUnusable(LecternError):
    """The data folder {path} can't be used ({reason}); set LECTERN_DATA to another."""

    code = "data_folder_unusable"


class TuneFailed(LecternError):
    """{message}"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


class ModelsFailed(LecternError):
    """{message}"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


class PlanFailed(LecternError):
    """{message}"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message=message)
        self.code = code


class PieceMissing(LecternError):
    """{what}; {way_out}."""

    code = "piece_missing"


class PartFailed(LecternError):
    """{part} did not start: {reason} (log: {log})."""

    code = "part_failed"
