"""How a job is to be done, whatever it is: one value that every way of asking takes."""

from dataclasses import dataclass

from workers.jobs import Job, job_of
from workers.states import Lane, When
from workers.tables import JobRow


@dataclass(frozen=True, slots=True)
class Wish:
    """How soon a job should run, for whom, and at what hours."""

    priority: int = 0  #: higher runs earlier
    owner: str = ""  #: nobody in particular; the slots are shared among owners
    when: When = When.NOW

    def grant(self, row: JobRow) -> Job:
        """Note the wish in a new job; what a person waits for does not wait for the night."""
        row.priority, row.owner = self.priority, self.owner
        row.when = self.when if row.lane == Lane.BATCH else When.NOW
        return job_of(row)


PLAIN = Wish()
