"""The request limit of a key."""

from django.conf import settings
from django.db import models, transaction

from apikeys.exceptions import InvalidKeyRequest, TooManyRequests
from apikeys.models.audit import AuditEvent
from echopoint.core import rate_limits
from echopoint.core.locks import for_change

Action = AuditEvent.Action


class RequestLimit(models.Model):
    """The part of a key that limits its requests per minute."""

    class Meta:
        abstract = True

    @property
    def requests_allowed(self):
        """Return the limit per minute: the key's own, or else the organization's, or else
        the site's; never more than the maximum of the site."""
        limit = self.requests_per_minute or self.organization.requests_per_minute
        return min(
            limit or settings.API_REQUESTS_PER_MINUTE,
            settings.API_MAX_REQUESTS_PER_MINUTE,
        )

    @property
    def limit_is_shared(self):
        """Whether all processes of the site share the counter."""
        return rate_limits.is_shared()

    def count_request(self):
        """Count a request of the key; return its `RateLimit`."""
        return rate_limits.hit("key", self.public_id, self.requests_allowed)

    count_request.alters_data = True

    def require_within(self, rate, *, ip=None):
        """Raise `TooManyRequests` if the limit is exceeded, and count the refusal."""
        if not rate.is_exceeded:
            return
        self.record_refusal(TooManyRequests.code, ip=ip)
        raise TooManyRequests(rate)

    @transaction.atomic
    def limit_requests(self, requests_per_minute, *, by, at=None):
        """Set the key's own limit, or None for the organization's.

        Return whether it changed. Raise `InvalidKeyRequest` for an invalid limit, and
        `KeyConflict` for a revoked key.
        """
        by.require_fresh()
        require_limit(requests_per_minute)
        key = for_change(type(self).objects).get(pk=self.pk)
        key.require_unrevoked()
        before, self.requests_per_minute = key.requests_per_minute, requests_per_minute
        if before == requests_per_minute:
            return False
        self.save(update_fields=["requests_per_minute"])
        self.record(
            Action.LIMIT_CHANGED,
            by,
            at=at,
            before=before,
            after=requests_per_minute,
        )
        return True

    limit_requests.alters_data = True


def require_limit(requests_per_minute):
    """Raise `InvalidKeyRequest` unless this can be a key's own limit.

    None stands for the limit of the organization.
    """
    most = settings.API_MAX_REQUESTS_PER_MINUTE
    if requests_per_minute is not None and not 1 <= requests_per_minute <= most:
        raise InvalidKeyRequest(
            "requests_per_minute",
            f"Enter 1 to {most}, or leave it empty to use the organization's limit.",
            metadata={"minimum": 1, "maximum": most},
        )
