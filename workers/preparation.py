"""What must be done before the libraries of a worker are loaded. Loads none of them itself.

OpenMP reads its wait policy when it is loaded, so the profile has to be known by then, and the
first start has to measure it; and a model is examined before it is measured.
"""

import subprocess
import sys

import structlog

from ingest.errors import LecternError
from workers.engine import profile as profiles
from workers.engine.bundle import source
from workers.models.admission import admit
from workers.settings import settings

TUNING = ["-m", "workers.tune", "--quick", "--missing"]
PATIENCE_SECONDS = 600.0

log = structlog.get_logger()


def openmp() -> dict[str, str]:
    """What OpenMP must find in the environment; measures the machine if that was never done."""
    chosen = settings()
    if chosen.llm_url:
        return {}
    try:
        model = source(chosen.model)
        admit(model, chosen)
        alone = not chosen.rpc_servers
        if alone and chosen.tune == "auto" and profiles.measured(model) is None:
            _measure()
        return profiles.environment(profiles.profile_for(chosen, model).wait_policy)
    except (LecternError, OSError):
        return {}  # whatever it is, loading the model will say it properly


def _measure() -> None:
    log.info("tuning", what="measuring this machine, once, within a minute")
    try:
        done = subprocess.run([sys.executable, *TUNING], timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        log.warning("tuning_failed", reason="it took too long")
    else:
        if done.returncode:
            log.warning("tuning_failed", code=done.returncode)


def retuning() -> subprocess.Popen[bytes]:
    """Measure again, for a worker that has nothing else to do and finds itself slower.

    The caller ends the process when there is work; the next start takes the result over.
    """
    return subprocess.Popen([sys.executable, *TUNING[:-1]], stdout=subprocess.DEVNULL)
