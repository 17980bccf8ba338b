"""Row locks: the weakest that serves, taken in one order, so that no two wait in a circle.

A transaction locks from left to right, and rows of one table by their primary keys:

    organization → webhook, collection → API key → runner → job → execution → flow
    → variable set → captured request → audit chain

Of audit chains, those of organizations come by their ids. The chains that get an event of
a person are locked before the person's row, and the installation's before anything else:
nobody who holds another lock waits for it.

Every insert of a row takes a share lock on the rows that it refers to (PostgreSQL checks
foreign keys at the commit), so a plain FOR UPDATE would stop all of them.
"""


def for_change(rows):
    """Lock rows that are changed, not deleted; others may still refer to them.

    https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
    """
    return rows.select_for_update(of=("self",), no_key=True)


def for_delete(rows):
    """Lock rows that are deleted, so that nothing is added to what they take along."""
    return rows.select_for_update(of=("self",))
