"""An access review: owners and admins confirm the keys that are still needed."""

from datetime import timedelta

from django.db import models, transaction
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from apikeys import policy, timestamps
from apikeys.exceptions import KeyConflict, ScopeDenied, StaleReview
from apikeys.models.audit import AuditEvent
from apikeys.models.naming import require_text
from apikeys.models.reviewed_key import ReviewedKey
from echopoint.core.locks import for_change
from echopoint.organizations.models import (
    Organization,
    OrgOwnedQuerySet,
    UnconfirmedAction,
)

Action = AuditEvent.Action
Outcome = ReviewedKey.Outcome
REVIEW = "api_key:delete"  # the permission of a role to stop keys
# Keys that one transaction settles. Each suspension locks the organization's audit chain.
BATCH = 100
MAX_SETTLED = 300  # keys that one request settles, a few milliseconds each


class AccessReviewQuerySet(OrgOwnedQuerySet):
    """Reviews by their state."""

    def unfinished(self):
        """Only reviews that are open or have keys to settle."""
        return self.filter(finished_at=None)


class AccessReviewManager(models.Manager.from_queryset(AccessReviewQuerySet)):
    """Open reviews, and find the open one."""

    @transaction.atomic
    def open(self, organization, *, by, at=None, if_due=False, shown=None):
        """Open a review of all keys that have not ended; return it.

        Return None if one is open, if there is no key, or, with `if_due`, if the policy
        requires none at this moment. Keys that are issued later are not part of it.
        Raise `KeyConflict`, or with `if_due` return None, while the last review has keys
        to settle. Raise `KeyConflict` if the policy's `terms` are no longer `shown`, those
        on the page that sent the request.
        """
        require_permission(organization, by)
        at = at or timezone.now()
        # Issuing and rotating keys locks the organization too, so each key is either in
        # the review or was created after it opened. Two processes cannot open one each.
        row = policy.locked(organization)
        last = self.for_org(row).order_by("number").last()
        if last and not last.closed_at or (if_due and not is_due(row, last, at)):
            return None
        # It may still suspend keys, which this review would present for confirmation.
        if last and not last.finished_at:
            if if_due:
                return None
            raise KeyConflict(
                "CONFLICT",
                f"{last} is closed, but some of its keys are still to be processed. Open its"
                " report and continue there, then start another review.",
            )
        keys = row.api_keys.not_ended(at)
        if not keys.exists():
            return None
        if shown is not None and shown != terms(row):
            raise KeyConflict(
                "CONFLICT",
                "The policy for reviews was changed since this page was shown. No review was"
                " started. Check the period and what happens to keys that are not confirmed,"
                " then start the review again.",
            )
        review = self.create(
            organization=row,
            number=last.number + 1 if last else 1,
            opened_at=at,
            opened_by_label=by.label,
            ends_at=at + timedelta(days=row.review_period_days),
            unconfirmed_action=row.unconfirmed_action,
        )
        review.key_count = ReviewedKey.objects.add(review, keys)
        review.save(update_fields=["key_count"])
        review.record(
            Action.REVIEW_OPENED,
            by,
            at=at,
            keys=review.key_count,
            ends_at=review.ends_at.isoformat(),
            unconfirmed_action=review.unconfirmed_action,
        )
        return review

    open.alters_data = True

    def current(self, organization):
        """Return the open review of the organization, or None."""
        return self.for_org(organization).filter(closed_at=None).first()


class AccessReview(models.Model):
    """A review of an organization's keys: open, then closed, then finished.

    Once it is closed, no key can be confirmed. It is finished when every key has its outcome.
    """

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="access_reviews",
        db_index=False,  # the constraints' indexes begin with it
    )
    number = models.PositiveIntegerField()
    opened_at = models.DateTimeField()
    opened_by_label = models.CharField(max_length=255)
    ends_at = models.DateTimeField()
    # That of the policy when the review opened.
    unconfirmed_action = models.CharField(
        max_length=10, choices=UnconfirmedAction.choices
    )
    key_count = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by_label = models.CharField(max_length=255, blank=True)
    is_signed_off = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    # When the e-mail that the review opened, and the one that it ends soon, were queued.
    announced_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)

    objects = AccessReviewManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "number"], name="access_review_number_unique"
            ),
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(closed_at=None),
                name="access_review_one_open",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(closed_at__isnull=False),
                name="access_review_finished_after_closed",
            ),
        ]

    def __str__(self):
        return f"Access review {self.number}"

    def get_absolute_url(self):
        return reverse("apikeys:review", args=[self.organization_id, self.number])

    @property
    def suspends(self):
        """Whether keys that are not confirmed are suspended at the end."""
        return self.unconfirmed_action == UnconfirmedAction.SUSPEND

    def accepts_at(self, at=None):
        """Whether keys can be confirmed at this moment."""
        return self.closed_at is None and (at or timezone.now()) < self.ends_at

    def rows(self):
        return ReviewedKey.objects.for_org(self.organization).filter(review=self)

    def counts(self):
        """Return {outcome: number of keys}, with zeros, and `own` for own confirmations."""
        found = self.rows().aggregate(
            **{value: Count("pk", filter=Q(outcome=value)) for value in Outcome.values},
            own=Count("pk", filter=Q(is_by_owner=True) | Q(is_by_creator=True)),
        )
        return {name: count or 0 for name, count in found.items()}

    @transaction.atomic
    def confirm(self, shown, *, by, note="", at=None):
        """Confirm that keys are still needed; return the number that this call confirmed.

        `shown` is {public id: `fingerprint` of the key as it was shown}. All keys are
        confirmed or none. Raise `StaleReview` for keys that have changed or ended since,
        and `KeyConflict` if the review accepts none.
        """
        require_permission(self.organization, by)
        require_text("note", note, ReviewedKey)
        at = at or timezone.now()
        # Lock order: the review, keys by id, then the audit chain.
        self._lock()
        self._require_open(at)
        rows = list(self.rows().with_locked_keys(key__public_id__in=shown))
        if len(rows) != len(shown):
            raise KeyConflict("CONFLICT", "A key is not part of this review.")
        pending = [row for row in rows if row.outcome == Outcome.PENDING]
        stale = [row.key for row in pending if row.is_stale(self, shown, at)]
        if stale:
            raise StaleReview(stale)
        for row in pending:
            row.confirm(self, by=by, note=note, at=at)
        return len(pending)

    confirm.alters_data = True

    @transaction.atomic
    def sign_off(self, *, by, at=None):
        """Close the review before its period ends; return whether this call did."""
        require_permission(self.organization, by)
        self._lock()
        if self.closed_at:
            return False
        self._close(by, at or timezone.now(), is_signed_off=True)
        return True

    sign_off.alters_data = True

    @transaction.atomic
    def end_period(self, *, by, at=None):
        """Close the review if its period has ended; return whether this call did."""
        require_permission(self.organization, by)
        at = at or timezone.now()
        self._lock()
        if self.closed_at or at < self.ends_at:
            return False
        self._close(by, at, is_signed_off=False)
        return True

    end_period.alters_data = True

    def settle(self, *, by, at=None, limit=None):
        """Give the unconfirmed keys of a closed review their outcome.

        Return how many this call suspended. Each batch is a transaction, so that thousands
        of suspensions lock the audit chain for a moment only, and the next call continues
        after an interruption. It stops after the batch that reaches `limit` keys. The review
        is finished when `finished_at` is set.
        """
        settled = suspended = 0
        while limit is None or settled < limit:
            found = self._settle_batch(by, at or timezone.now())
            if not found:
                break
            settled += len(found)
            suspended += found.count(Outcome.SUSPENDED)
        return suspended

    settle.alters_data = True

    def record(self, action, by, *, at, **details):
        """Append an audit event about this review."""
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("access_review", str(self.number), str(self)),
            at=at,
            **details,
        )

    record.alters_data = True

    def _lock(self):
        """Lock the row and read it again."""
        self.refresh_from_db(from_queryset=for_change(AccessReview.objects.all()))

    def _require_open(self, at):
        if self.closed_at:
            raise KeyConflict("CONFLICT", f"{self} was closed. Nothing was confirmed.")
        if at >= self.ends_at:
            raise KeyConflict(
                "CONFLICT",
                f"The period of {self} ended on {timestamps.in_words(self.ends_at)}. Nothing"
                " was confirmed.",
            )

    def _close(self, by, at, *, is_signed_off):
        self.closed_at, self.closed_by_label = at, by.label
        self.is_signed_off = is_signed_off
        self.save(update_fields=["closed_at", "closed_by_label", "is_signed_off"])
        counts = self.counts()
        action = Action.REVIEW_SIGNED_OFF if is_signed_off else Action.REVIEW_ENDED
        self.record(
            action,
            by,
            at=at,
            confirmed=counts[Outcome.CONFIRMED],
            self_confirmed=counts["own"],
            pending=self.rows().still_to_confirm(at).count(),
        )

    @transaction.atomic
    def _settle_batch(self, by, at):
        """Settle one batch; return its outcomes. The lock makes other processes wait."""
        self._lock()
        if not self.closed_at or self.finished_at:
            return []
        pending = self.rows().filter(outcome=Outcome.PENDING)
        batch = list(pending.order_by("pk").values_list("pk", flat=True)[:BATCH])
        rows = pending.with_locked_keys(pk__in=batch)
        outcomes = [row.settle(self, by=by, at=at) for row in rows]
        if not pending.exists():
            self._finish(by, at)
        return outcomes

    def _finish(self, by, at):
        self.finished_at = at
        self.save(update_fields=["finished_at"])
        counts = self.counts()
        outcomes = ("confirmed", "suspended", "unconfirmed", "rotated", "ended")
        self.record(
            Action.REVIEW_FINISHED,
            by,
            at=at,
            **{name: counts[name] for name in outcomes},
        )


def require_permission(organization, by):
    """Raise `FreshSignInRequired`, or `ScopeDenied` for an actor who cannot review keys."""
    by.require_fresh()
    held = by.permissions_in(organization)
    if held is not None and REVIEW not in held:
        raise ScopeDenied(
            "Your role cannot review keys.", required=[REVIEW], missing=[REVIEW]
        )


def terms(organization):
    """Return the policy that a review would have as one text, to detect a change."""
    return f"{organization.unconfirmed_action} {organization.review_period_days}"


def is_due(organization, last, at):
    """Whether the policy requires a review, `last` being the previous one or None."""
    days = organization.review_every_days
    return bool(days) and (not last or at >= last.opened_at + timedelta(days=days))
