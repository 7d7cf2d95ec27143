"""The kinds of jobs: each module plans its steps, runs them and settles what they leave."""

from workers.kinds.comparison import COMPARISON
from workers.kinds.deletion import DELETION
from workers.kinds.digest import DIGEST
from workers.kinds.estimating import ESTIMATE
from workers.kinds.extract import EXTRACT
from workers.kinds.question import QUESTION
from workers.kinds.reading import READING
from workers.kinds.reindexing import REINDEXING
from workers.kinds.searching import SEARCH
from workers.kinds.summary import SUMMARY
from workers.states import JobKind
from workers.work import Kind

KINDS: dict[JobKind, Kind] = {
    JobKind.READ: READING,
    JobKind.SUMMARY: SUMMARY,
    JobKind.DIGEST: DIGEST,
    JobKind.EXTRACT: EXTRACT,
    JobKind.ESTIMATE: ESTIMATE,
    JobKind.QUESTION: QUESTION,
    JobKind.SEARCH: SEARCH,
    JobKind.DELETE: DELETION,
    JobKind.COMPARE: COMPARISON,
    JobKind.REINDEX: REINDEXING,
}
