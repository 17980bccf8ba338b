"""The number of keys of each organization, which triggers keep exact; PostgreSQL only."""

import hashlib

from django.core.cache import cache
from django.db import connections, models

from echopoint.organizations.models import Organization

REMEMBERED_FOR = 24 * 60 * 60  # seconds
MANY = 5000  # fewer are counted in a few milliseconds


class KeyCountManager(models.Manager):
    """Reads the counts."""

    def are_stored(self):
        """Whether the database has the table and its triggers."""
        return connections[self.db].vendor == "postgresql"

    def of(self, organization):
        """Return the count of the organization; an unsaved one before its first key."""
        found = self.filter(organization=organization).first()
        return found or self.model(organization=organization)


class KeyCount(models.Model):
    """How many keys of an organization are not revoked.

    `version` rises with each change of these keys and of their names. What was counted at
    a version is therefore right as long as the version is the same.
    """

    organization = models.OneToOneField(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False, primary_key=True
    )
    unrevoked = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)

    objects = KeyCountManager()

    class Meta:
        managed = False
        db_table = "apikeys_keycount"

    def __str__(self):
        return f"{self.organization_id}: {self.unrevoked} keys"

    def remembered(self, text, count):
        """Return `count()`, or the number that it returned for this text at this version."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        name = f"keys:{self.organization_id}:{self.version}:{digest}"
        total = cache.get(name)
        if total is None:
            total = count()
            if total > MANY:
                cache.set(name, total, REMEMBERED_FOR)
        return total
