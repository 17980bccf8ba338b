"""The option of management commands that read the replica."""

from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error

from echopoint.core.replica.servers import (
    PRIMARY,
    REPLICA,
    has_own_replica,
    is_configured,
)

NOT_CONFIGURED = (
    "There is no replica. Set DATABASE_REPLICA_URL, or leave --database out."
)
FOREIGN = (
    "DATABASE_REPLICA_URL names no hot standby of this database. Correct it, or leave"
    " --database out."
)
FAILED = (
    "The replica failed, or cancelled the read because it replays a conflicting change (%s)."
    " Run the command again, or without --database."
)


def add_database_option(parser):
    parser.add_argument(
        "--database",
        choices=[PRIMARY, REPLICA],
        default=PRIMARY,
        help="replica reads from DATABASE_REPLICA_URL, as far as it has replayed",
    )


@contextmanager
def reading(database):
    """Raise `CommandError` if the database is a replica that cannot be read."""
    if database == REPLICA and not is_configured():
        raise CommandError(NOT_CONFIGURED)
    try:
        if database == REPLICA and not has_own_replica():
            raise CommandError(FOREIGN)
        yield
    except Error as error:
        if database != REPLICA:
            raise
        # Only the class: the message may contain values of a row.
        cause = type(error.__cause__ or error).__name__
        raise CommandError(FAILED % cause) from None
