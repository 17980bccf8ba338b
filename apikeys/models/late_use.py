"""Uses of keys whose row was locked when they happened."""

from apikeys.db.buffered_counts import BufferedManager


class LateUseManager(BufferedManager):
    """Writes a use to its key a few seconds later, once the row is free.

    A key that is used once a day must not look unused until tomorrow.
    """

    def note(self, key, client, at):
        """Keep a use that could not be written."""
        self.buffer(key.pk, (key, (client, at), (client, at)))

    def merge(self, older, newer):
        return newer[0], older[1], newer[2]

    def store(self, waiting):
        for key, first, last in waiting.values():
            if not (key.write_late_use(*first) and key.write_late_use(*last)):
                self.buffer(key.pk, (key, first, last))

    def prune_alongside(self):
        """Leave keys alone; they are kept for good."""
