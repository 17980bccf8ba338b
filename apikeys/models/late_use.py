"""Uses of keys whose row was locked at the time of the request."""

from apikeys.db.write_buffers import BufferedManager


class LateUseManager(BufferedManager):
    """Writes a use to its key seconds later, once the row is unlocked.

    Without it, a key that is used once a day would look unused until the next day.
    """

    def record(self, key, client, at):
        """Buffer a use of the key by a client at a time."""
        use = (client, at)
        self.enqueue(key.pk, (key, use, use))

    def merge(self, older, newer):
        # Only the first use and the last one matter: the first is an audit event.
        return newer[0], older[1], newer[2]

    def store(self, entries):
        for key, first, last in entries.values():
            if not (key.write_late_use(*first) and key.write_late_use(*last)):
                self.enqueue(key.pk, (key, first, last))

    def prune_on_write(self):
        """Do nothing: keys are never deleted."""
