"""`lectern migrate`: brings the database to this version's schema."""

from argparse import Namespace

from ingest.database import migrate


def run(_arguments: Namespace) -> int:
    """Migrate; safe at every start."""
    migrate()
    return 0
