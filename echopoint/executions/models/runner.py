"""Self-hosted runners, known by what they say when they ask for jobs."""

from collections import defaultdict
from datetime import timedelta

from django.db import models
from django.utils import timezone

from echopoint.core.locks import for_change
from echopoint.executions.models.job import RunnerJob
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet

# A waiting runner asks anew every 20 seconds, a working one is heard of every 10.
LIVE = timedelta(seconds=60)
REMEMBERED = timedelta(days=7)


class RunnerQuerySet(OrgOwnedQuerySet):
    """Runners by when they were heard of."""

    def live(self, at):
        """Only runners that were heard of in the last minute."""
        return self.filter(last_seen_at__gt=at - LIVE)

    def with_jobs(self, at):
        """Return the runners as a list, each with the `active_jobs` that it holds."""
        runners = list(self)
        organizations = {runner.organization_id for runner in runners}
        jobs = RunnerJob.objects.filter(organization__in=organizations).claimed(at)
        held = defaultdict(list)
        for job in jobs.order_by("claimed_at", "pk"):
            held[job.organization_id, job.runner_id, job.boot_id].append(job)
        for runner in runners:
            identity = runner.organization_id, runner.runner_id, runner.boot_id
            runner.active_jobs = held[identity]
        return runners


class RunnerManager(models.Manager.from_queryset(RunnerQuerySet)):
    """Remembers who asked."""

    def hear_of(
        self, organization, holder, *, max_parallel_flows, version="", at=None
    ) -> models.Model:
        """Return the runner, known to be alive now; one that says no version keeps its own."""
        at = at or timezone.now()
        told = {"max_parallel_flows": max_parallel_flows, "last_seen_at": at}
        if version:
            told["version"] = version
        runner, is_new = self.update_or_create(
            organization=organization, **holder._asdict(), defaults=told
        )
        if is_new:
            # Each start of a runner is a row; those long gone would pile up.
            forgotten = self.for_org(organization)
            forgotten.filter(last_seen_at__lte=at - REMEMBERED).delete()
        return runner

    hear_of.alters_data = True


class Runner(OrgOwned):
    """A runner process; `boot_id` tells one start of it from the next."""

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
        """Let other requests of this runner wait for the end of the transaction."""
        for_change(type(self).objects).get(pk=self.pk)

    def has_room(self, at):
        """Whether the runner holds fewer jobs than it runs at once."""
        jobs = RunnerJob.objects.for_org(self.organization_id).held_by(self)
        return jobs.claimed(at).count() < self.max_parallel_flows
