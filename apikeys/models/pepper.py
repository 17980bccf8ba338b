"""Fingerprints of the peppers, to notice a changed secret before keys are refused."""

from django.conf import settings
from django.db import connections, models
from django.utils import timezone

from apikeys import tokens


class PepperFingerprintQuerySet(models.QuerySet):
    """Recorded peppers, one per version."""

    def record(self, pepper):
        """Record the pepper if its version is new; never replace a fingerprint."""
        self.get_or_create(
            version=pepper.version,
            defaults={"fingerprint": tokens.fingerprint(pepper)},
        )

    record.alters_data = True

    def contradicting(self, pepper):
        """Only the row with another secret for the pepper's version."""
        others = self.exclude(fingerprint=tokens.fingerprint(pepper))
        return others.filter(version=pepper.version)

    def differing(self, peppers):
        """Return the versions whose secret differs from the recorded one, in order."""
        recorded = dict(self.values_list("version", "fingerprint"))
        return [
            pepper.version
            for pepper in peppers
            if recorded.get(pepper.version) not in {None, tokens.fingerprint(pepper)}
        ]


class PepperFingerprint(models.Model):
    """The fingerprint of a pepper, recorded at its first use with this database."""

    version = models.PositiveIntegerField(primary_key=True)
    fingerprint = models.CharField(max_length=tokens.FINGERPRINT_LENGTH)
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = PepperFingerprintQuerySet.as_manager()

    def __str__(self):
        return f"pepper {self.version}"


def record_configured_peppers(using, **kwargs):
    """Record every configured version after a migration of the database.

    A database without fingerprints has nothing to compare with, so its first migration
    trusts the configured secrets.
    """
    tables = connections[using].introspection.table_names()
    if PepperFingerprint._meta.db_table not in tables:
        return  # migrated back to a state without this table
    try:
        peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    except ValueError:
        return  # only with --skip-checks; E001 reports it otherwise
    for pepper in peppers:
        PepperFingerprint.objects.using(using).record(pepper)
