"""The progress of a rotation of peppers: how many keys still use each version."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from apikeys import tokens
from apikeys.models import ApiKey, PepperFingerprint
from apikeys.models.querysets import IDLE_SINCE

UNUSED_DAYS = 90
MOST_LISTED = 20


@dataclass(frozen=True)
class Version:
    """A version of the pepper, with the number of unrevoked keys whose digest uses it."""

    number: int
    is_current: bool
    is_configured: bool
    has_other_secret: bool  # than the one that this database was used with
    keys: int
    unused: int  # of these keys, for UNUSED_DAYS

    @property
    def works(self):
        """Whether this site can authenticate keys of the version."""
        return self.is_configured and not self.has_other_secret

    @property
    def is_in_the_way(self):
        """Whether the rotation is incomplete because of keys of this version."""
        return bool(self.keys) and not (self.is_current and self.works)

    @property
    def is_removable(self):
        """Whether the setting has the version, and no unrevoked key needs it."""
        return self.is_configured and not self.is_current and not self.keys


def versions(at=None) -> list[Version]:
    """Return each configured version, and each that an unrevoked key has, in order.

    Expired, retired and suspended keys count too: a system check stops the site if the
    version of any unrevoked key is missing.
    """
    peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    configured = {pepper.version for pepper in peppers}
    changed = set(PepperFingerprint.objects.differing(peppers))
    counts = count_keys(at or timezone.now())
    return [
        Version(
            number=number,
            is_current=number == peppers[-1].version,
            is_configured=number in configured,
            has_other_secret=number in changed,
            keys=keys,
            unused=unused,
        )
        for number in sorted(configured | counts.keys())
        for keys, unused in [counts.get(number, (0, 0))]
    ]


def count_keys(at):
    """Return {version: (unrevoked keys, those unused for `UNUSED_DAYS`)}.

    This reads all keys. An index on the version would cost a write at each recorded use
    of a key, while a rotation of peppers, which needs this, is rare.
    """
    unused = Q(idle_since__lte=at - timedelta(days=UNUSED_DAYS))
    keys = ApiKey.objects.unrevoked().alias(idle_since=IDLE_SINCE).order_by()
    rows = keys.values_list("pepper_version").annotate(
        total=Count("pk"), unused=Count("pk", filter=unused)
    )
    return {version: (total, unused) for version, total, unused in rows}


def keys_in_the_way(found):
    """Return the unrevoked keys that need another version, the longest unused first."""
    numbers = [version.number for version in found if version.is_in_the_way]
    keys = ApiKey.objects.unrevoked().filter(pepper_version__in=numbers)
    ordered = keys.select_related("organization").order_by(IDLE_SINCE, "pk")
    return list(ordered[:MOST_LISTED]) if numbers else []
