"""A database router: what was read from the replica is not written."""

from echopoint.core.replica.servers import PRIMARY, REPLICA


class ReplicaWrite(RuntimeError):
    """An attempt to save an instance that was read from the replica.

    It may lack changes that the primary has, and would overwrite them. Read it from the
    primary, with a lock, before you change it.
    """


class PrimaryRouter:
    """Refuse to write instances of the replica, and to migrate it.

    Reads have no rule here: they use the primary, unless a queryset names the replica or
    follows a relation of an instance that was read from it.
    """

    def db_for_write(self, model, instance=None, **hints):
        if instance is not None and instance._state.db == REPLICA:
            raise ReplicaWrite(f"{model._meta.label} was read from the replica.")

    def allow_relation(self, one, other, **hints):
        return {one._state.db, other._state.db} <= {PRIMARY, REPLICA, None} or None

    def allow_migrate(self, db, app_label, **hints):
        return False if db == REPLICA else None
