"""The one Celery task: a step's id arrives, the runtime does the rest."""

from workers.app import RUN_STEP, app
from workers.process import runtime


@app.task(name=RUN_STEP)  # type: ignore[untyped-decorator]
def run_step(step_id: str) -> None:
    """Run the step if it is still there to be taken; a message may come twice or late."""
    runtime().run(step_id)
