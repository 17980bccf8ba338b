"""Which e-mail notices a member of an organization wants."""

from django.db import models, transaction

from apikeys.models import AuditEvent
from echopoint.core.locks import for_change
from echopoint.core.refusals import InvalidField
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

MANAGES_KEYS = "api_key:create"  # a permission of roles: it may rotate a key


class NoticeChoiceManager(models.Manager.from_queryset(OrgOwnedQuerySet)):
    """Read and change the choices of members."""

    def of(self, membership):
        """Return what the member chose, or the default."""
        row = self.for_org(membership.organization).filter(user=membership.user).first()
        return effective(row.emails if row else self.model.Emails.OWN, membership)

    @transaction.atomic
    def choose(self, membership, emails, *, by):
        """Set which e-mails the member gets; return whether that is a change.

        Raise `InvalidField` for all keys of an organization whose keys the member's role
        does not manage.
        """
        if effective(emails, membership) != emails:
            raise InvalidField(
                "emails",
                "Only owners and admins can get notices of all keys. Choose another option.",
            )
        self.get_or_create(organization=membership.organization, user=membership.user)
        rows = for_change(self.for_org(membership.organization))
        row = rows.get(user=membership.user)
        before, row.emails = effective(row.emails, membership), emails
        row.save(update_fields=["emails"])
        if before == emails:
            return False
        AuditEvent.objects.record(
            AuditEvent.Action.NOTICES_CHOSEN,
            organization=membership.organization,
            actor=by,
            target=("user", membership.user_id, str(membership.user)),
            before=before,
            after=emails,
        )
        return True

    choose.alters_data = True

    @transaction.atomic
    def stop_all(self, user, *, by):
        """Stop the e-mails of all organizations of the person."""
        memberships = user.memberships.select_related("organization", "user")
        # Lock order: chains by organization id.
        for membership in memberships.order_by("organization_id"):
            self.choose(membership, self.model.Emails.NONE, by=by)

    stop_all.alters_data = True


class NoticeChoice(OrgOwned):
    """A member's choice. Without a row it is `OWN`."""

    class Emails(models.TextChoices):
        NONE = "none", "No e-mails"
        OWN = "own", "Keys I created or own"
        ALL = "all", "All keys"

    user = models.ForeignKey(
        "organizations.User",
        on_delete=models.CASCADE,
        related_name="notice_choices",
        db_index=False,  # the constraint's index is enough for lists of an organization
    )
    emails = models.CharField(max_length=10, choices=Emails.choices, default=Emails.OWN)

    objects = NoticeChoiceManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user"], name="notice_choice_unique"
            )
        ]

    def __str__(self):
        return f"{self.user_id} in {self.organization_id}: {self.emails}"


def effective(emails, membership):
    """Return the choice within the member's role, which may have changed since."""
    Emails = NoticeChoice.Emails
    if emails == Emails.ALL and MANAGES_KEYS not in membership.permissions:
        return Emails.OWN
    return Emails(emails)
