"""Self-hosted runners. Each row is one runner process that has sent a request."""

from collections import defaultdict
from datetime import timedelta

from django.db import models
from django.utils import timezone

from echopoint.core.locks import for_change
from echopoint.executions.models.job import RunnerJob
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

# An idle runner polls every 20 seconds, a busy one sends a heartbeat every 10.
LIVE = timedelta(seconds=60)
RETENTION = timedelta(days=7)


class RunnerQuerySet(OrgOwnedQuerySet):
    """Runners by the time of their last request."""

    def live(self, at):
        """Runners that sent a request in the last minute."""
        return self.filter(last_seen_at__gt=at - LIVE)

    def with_jobs(self, at):
        """Return a list of the runners, each with its claimed jobs as `active_jobs`."""
        runners = list(self)
        organizations = {runner.organization_id for runner in runners}
        jobs = RunnerJob.objects.filter(organization__in=organizations).claimed(at)
        # Runner ids are chosen by their owners, so two organizations can use the same
        # one: the organization is part of the key.
        held = defaultdict(list)
        for job in jobs.order_by("claimed_at", "pk"):
            held[job.organization_id, job.runner_id, job.boot_id].append(job)
        for runner in runners:
            identity = runner.organization_id, runner.runner_id, runner.boot_id
            runner.active_jobs = held[identity]
        return runners


class RunnerManager(models.Manager.from_queryset(RunnerQuerySet)):
    """Creates runners when they first send a request."""

    def record_heartbeat(
        self, organization, holder, *, max_parallel_flows, version="", at=None
    ) -> models.Model:
        """Store that the runner is alive now, and return it.

        Without a version the stored one is unchanged: only some requests send it.
        """
        at = at or timezone.now()
        values = {"max_parallel_flows": max_parallel_flows, "last_seen_at": at}
        if version:
            values["version"] = version
        runner, is_new = self.update_or_create(
            organization=organization, **holder._asdict(), defaults=values
        )
        if is_new:
            # Each start of a runner adds a row, so without this the table would grow
            # for ever.
            stale = self.for_org(organization).filter(last_seen_at__lte=at - RETENTION)
            stale.delete()
        return runner

    record_heartbeat.alters_data = True


class Runner(OrgOwned):
    """A runner process. A restart of the same runner has another `boot_id`."""

    runner_id = models.CharField(max_length=255)
    boot_id = models.UUIDField()
    max_parallel_flows = models.PositiveIntegerField()
    version = models.CharField(max_length=64, blank=True)
    last_seen_at = models.DateTimeField(default=timezone.now)

    objects = RunnerManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "runner_id", "boot_id"], name="runner_once"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "last_seen_at"], name="runner_live")
        ]

    def __str__(self):
        return self.runner_id

    def lock(self):
        """Block other claims of this runner until the transaction ends."""
        for_change(type(self).objects).get(pk=self.pk)

    def has_room(self, at):
        """Whether the runner holds fewer jobs than its `max_parallel_flows`."""
        jobs = RunnerJob.objects.for_org(self.organization_id).held_by(self)
        return jobs.claimed(at).count() < self.max_parallel_flows
