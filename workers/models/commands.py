"""The commands of `lectern models`, by name. Each is loaded when it is asked for.

A command takes `Tell` and the words of the command line as keyword arguments, and returns its
result as plain data.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

#: Command → where its function is.
COMMANDS: Mapping[str, str] = {
    "list": "workers.models.listing:run",
    "show": "workers.models.listing:show",
    "examine": "workers.models.listing:examine",
    "recommend": "workers.models.recommending:run",
    "pull": "workers.models.pulling:run",
    "export": "workers.models.carrying:export",
    "import": "workers.models.carrying:take_in",
    "convert": "workers.models.converting:run",
    "imatrix": "workers.models.calibrating:run",
    "quantize": "workers.models.quantizing:run",
    "report": "workers.models.reporting:run",
    "rm": "workers.models.removing:run",
    "use": "workers.models.using:run",
}


def command(name: str) -> Callable[..., dict[str, Any]]:
    """The function of a command that exists."""
    module, _, function = COMMANDS[name].partition(":")
    found: Callable[..., dict[str, Any]] = getattr(import_module(module), function)
    return found
