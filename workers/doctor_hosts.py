"""What can be said of the RPC hosts that hold a part of the model, each asked anew."""

from collections.abc import Sequence
from pathlib import Path

from ingest.errors import LecternError
from workers.engine.hosts import Endpoint, Greeting, endpoints, greet, private_name
from workers.engine.profile import Profile
from workers.engine.split import Split, divided
from workers.errors import RpcHostBusy
from workers.settings import Settings

Check = dict[str, str]
#: A host that is there answers in a millisecond; one that serves somebody does not answer at all.
PATIENCE_SECONDS = 2.0


def examine(chosen: Settings, model: Path, profile: Profile) -> tuple[list[Check], Split | None]:
    """A line for each host and one for the split; the split, if all of them were free to answer."""
    try:
        named = endpoints(chosen.rpc_servers)
    except LecternError as error:
        return [_line("RPC hosts", "fail", str(error))], None
    asked = [_ask(each) for each in named]
    lines, greetings = [line for line, _ in asked], [told for _, told in asked if told is not None]
    if not named or len(greetings) < len(named):
        return lines, None
    line, parts = _divided(chosen, model, profile, greetings)
    return [*lines, line], parts


def _ask(host: Endpoint) -> tuple[Check, Greeting | None]:
    name = f"RPC host {host}"
    try:
        told = greet(host, PATIENCE_SECONDS)
    except RpcHostBusy:
        return _line(name, "ok", "serves somebody now, such as this host's worker"), None
    except LecternError as error:
        return _line(name, "fail", str(error)), None
    free = ", ".join(f"{each.free / 1e9:.1f} GB free" for each in told.devices)
    found = f"version {told.version}, {free}, answers in {1e3 * told.seconds:.2f} ms"
    if private_name(host.host):
        return _line(name, "ok", found), told
    way_out = "use a private address: nothing of it is encrypted"
    return _line(name, "warn", found, way_out), told


def _divided(
    chosen: Settings, model: Path, profile: Profile, greetings: Sequence[Greeting]
) -> tuple[Check, Split | None]:
    try:
        parts = divided(model, chosen, profile, greetings)
    except LecternError as error:
        return _line("engine split", "fail", str(error)), None
    return _line("engine split", "ok", str(parts)), parts


def _line(name: str, verdict: str, found: str, way_out: str = "") -> Check:
    return {"name": name, "verdict": verdict, "found": found, "way_out": way_out}
