"""Row locks: the weakest sufficient lock, in one order to avoid deadlocks.

A transaction locks from left to right, and rows of one table by primary key:

    organization → webhook, collection → access review → membership → network range →
    API key → use of its scopes → count of keys (by a trigger) → runner → job → execution →
    flow → variable set → captured request → audit chain → contact address

Audit chains of organizations are locked by organization id. An event about a person goes
to several chains: lock them before the person's row. Lock the chain of the installation
before everything else, so that no transaction waits for it while it holds another lock.

Every INSERT takes a share lock on the rows its foreign keys refer to (PostgreSQL checks
them at commit), so a plain FOR UPDATE would block all of these inserts.
"""


def for_change(rows):
    """Lock rows for an update. Other transactions may still insert references to them.

    https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
    """
    return rows.select_for_update(of=("self",), no_key=True)


def for_delete(rows):
    """Lock rows for deletion. No transaction can insert references to them."""
    return rows.select_for_update(of=("self",))
