"""The labels of the audit: who and what its events name, each once; PostgreSQL only."""

from django.db import connections, models, transaction
from django.db.models import Exists, OuterRef, Q

from apikeys.models.audit import EXACT_ID, AuditChain, AuditEvent, label_holds
from apikeys.models.audit_chain import LABEL_KEY_LENGTH
from echopoint.core.fields import FoldedField
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

BATCH = 1000


class AuditLabelQuerySet(OrgOwnedQuerySet):
    """Labels of events of organizations."""

    def are_stored(self):
        """Whether the database has the table and its trigger."""
        return connections[self.db].vendor == "postgresql"

    def holding(self, kind, text):
        """Only labels of this kind with the text in them, or of the subject with this id.

        These are the labels of the events that `by_actor` and `about` find.
        """
        found = label_holds("key", text)
        subject_id = text if kind == AuditLabel.Kind.ACTOR else f"key_{text}"
        if kind == AuditLabel.Kind.ACTOR or EXACT_ID.fullmatch(subject_id):
            found |= Q(subject_id=subject_id)
        return self.filter(found, kind=kind)

    def unused(self):
        """Only labels that no event has any more."""
        unused = Q()
        for kind in AuditLabel.Kind.values:
            label = {
                f"{kind}_id": OuterRef("subject_id"),
                f"{kind}_key": OuterRef("key"),
            }
            events = AuditEvent.objects.filter(
                organization=OuterRef("organization"), **label
            )
            unused |= Q(kind=kind) & ~Exists(events)
        return self.filter(unused)

    def delete_unused(self, organization):
        """Delete the labels of events that were deleted for their age."""
        if not self.are_stored():
            return
        labels = self.for_org(organization)
        found = list(labels.unused().values_list("pk", flat=True))
        for first in range(0, len(found), BATCH):
            with transaction.atomic(self.db):
                # An event that is being recorded may have such a label.
                AuditChain.objects.db_manager(self.db).lock(organization)
                labels.unused().filter(pk__in=found[first : first + BATCH]).delete()

    delete_unused.alters_data = True


class AuditLabel(models.Model):
    """The folded label that an actor or a target had in an event.

    Ten million events name a few hundred people and some thousand keys. A text is searched
    in these labels, and their events are then found by id and in the order of time. A
    trigger adds the labels of each event, see the migration `audit_labels`.
    """

    class Kind(models.TextChoices):
        ACTOR = "actor"
        TARGET = "target"  # keys and people only

    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False
    )
    kind = models.CharField(max_length=6, choices=Kind.choices)
    subject_id = models.CharField(max_length=64)
    key = FoldedField(of="key", max_length=LABEL_KEY_LENGTH)

    objects = AuditLabelQuerySet.as_manager()

    class Meta:
        # Only PostgreSQL has the table, and a trigger fills it. Unmanaged models are left
        # out by `copy_to`, and by Django on SQLite.
        managed = False
        db_table = "apikeys_auditlabel"

    def __str__(self):
        return self.key
