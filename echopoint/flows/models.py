"""Flows: graphs of HTTP requests with assertions."""

import unicodedata
import uuid

from django.db import models
from django.dispatch import Signal

from echopoint.api.quotas import QuotaCounted
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet


def as_tag(text: str) -> str:
    """Return the stored form of a tag: lower case, NFKC, single spaces."""
    plain = unicodedata.normalize("NFKC", " ".join(text.split()))
    return unicodedata.normalize("NFKC", plain.lower())


# Sent with the flow before its row is locked and deleted.
before_delete = Signal()
# Sent with a flow; receivers return the names of its possible inputs.
collecting_input_names = Signal()


class FlowQuerySet(OrgOwnedQuerySet):
    """Flows of organizations, also by tag."""

    def with_tags(self, tags, *, every=False):
        """Only flows with any of these tags, or with every one of them."""
        flows = self
        for names in [[tag] for tag in tags] if every else [tags]:
            having = FlowTag.objects.filter(flow=models.OuterRef("pk"), name__in=names)
            flows = flows.filter(models.Exists(having))
        return flows


class Flow(QuotaCounted, OrgOwned):
    """A flow and its definition."""

    measured_fields = ("flow_definition", "metadata", "description")

    class LastRunStatus(models.TextChoices):
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        NONE = "none", "None yet"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=1000, null=True, blank=True)  # noqa: DJ001, the API distinguishes null from ""
    version = models.CharField(max_length=50, default="1.0")
    flow_definition = models.JSONField()
    metadata = models.JSONField(default=dict, blank=True)
    last_run_status = models.CharField(
        max_length=10,
        choices=LastRunStatus.choices,
        default=LastRunStatus.NONE,
        editable=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FlowQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"], name="flow_list"
            ),
            models.Index(fields=["organization", "name", "id"], name="flow_by_name"),
            models.Index(
                fields=["organization", "updated_at", "id"], name="flow_by_update"
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def tags(self):
        return sorted(tag.name for tag in self.tag_rows.all())

    @property
    def node_count(self):
        """Return the number of nodes, without the nodes in loops and polls."""
        return len(self.flow_definition["nodes"])

    def input_names(self):
        """Return the names of all variables that templates could read at launch."""
        responses = collecting_input_names.send(Flow, flow=self)
        return {name for _, names in responses for name in names}

    def set_tags(self, names):
        """Replace all tags of the flow."""
        self.tag_rows.exclude(name__in=names).delete()
        FlowTag.objects.bulk_create(
            [FlowTag(flow=self, name=name) for name in names], ignore_conflicts=True
        )

    set_tags.alters_data = True


class FlowTag(models.Model):
    """A tag of a flow, in the form of `as_tag`."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="tag_rows")
    name = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "flow"], name="flow_tag_unique")
        ]

    def __str__(self):
        return self.name
