"""Which runner gets which job, and for how long."""

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from echopoint.core.locks import for_change
from echopoint.executions.jobs.long_poll import waiting_room
from echopoint.organizations.models import OrgOwnedQuerySet

MAX_ATTEMPTS = 5


def lease_from(at):
    """Return until when a runner holds a job without being heard of again."""
    return at + timedelta(seconds=settings.RUNNER_LEASE_SECONDS)


class RunnerJobQuerySet(OrgOwnedQuerySet):
    """Jobs by who holds them."""

    def claimable(self, at):
        """Only jobs that wait: never claimed, or by a runner that fell silent."""
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=at)
        return self.filter(free, finished_at=None)

    def claimed(self, at):
        """Only jobs that a runner works on, as far as is known at this moment."""
        return self.filter(lease_expires_at__gt=at, finished_at=None)

    def held_by(self, holder):
        """Only jobs of this start of this runner, its lost ones too until another's."""
        return self.filter(runner_id=holder.runner_id, boot_id=holder.boot_id)


class RunnerJobManager(models.Manager.from_queryset(RunnerJobQuerySet)):
    """The queue of each organization.

    Who locks several rows locks the runner's first, then jobs by their ids, then
    executions, so that nobody waits in a circle.
    """

    def enqueue(self, execution):
        """Let the organization's runners claim the execution."""
        job = self.create(
            organization=execution.organization,
            execution=execution,
            queued_at=execution.created_at,
        )
        transaction.on_commit(waiting_room.wake)
        return job

    enqueue.alters_data = True

    def claim(self, runner, *, key, at=None) -> models.Model | None:
        """Give the runner the job that has waited longest, and return it.

        Return None when there is none, or the runner holds as many as it runs at once. A
        job that was lost with one runner after the other is given up on the way.
        """
        at = at or timezone.now()
        waiting = self.for_org(runner.organization_id).claimable(at)
        # Most looks find nothing, and so take no lock.
        if not runner.has_room(at) or not waiting.exists():
            return None
        with transaction.atomic():
            # Of two requests of one runner the second waits, and counts the first's job.
            runner.lock()
            if not runner.has_room(at):
                return None
            while job := self._oldest(waiting):
                if job.execution.has_ended:
                    job.finish(at)
                elif job.claimed_at is None and job.execution.is_overdue(at):
                    job.execution.expire(at)
                elif job.attempts >= MAX_ATTEMPTS:
                    job.give_up(at)
                else:
                    job.start(runner, key=key, at=at)
                    return job
        return None

    claim.alters_data = True

    def _oldest(self, waiting):
        # Jobs that others are just claiming are passed by; SQLite has one writer.
        unlocked = waiting.select_for_update(
            skip_locked=True, of=("self",), no_key=True
        )
        return unlocked.order_by("queued_at", "pk").first()

    @transaction.atomic
    def renew(self, runner, ids, *, at=None) -> dict:
        """Return {id: new end of the lease} of those jobs that are the runner's.

        A job whose lease ran out is still the runner's until another claims it. Those
        that are left out are not: ended, claimed by another, or never claimed.
        """
        at = at or timezone.now()
        held = self.for_org(runner.organization_id).held_by(runner)
        held = held.filter(pk__in=ids, finished_at=None).order_by("pk")
        ids = list(for_change(held).values_list("pk", flat=True))
        until = lease_from(at)
        self.filter(pk__in=ids).update(lease_expires_at=until)
        if runner.version:
            self._name_version(ids, runner.version)
        return dict.fromkeys(ids, until)

    renew.alters_data = True

    def _name_version(self, ids, version):
        """Let executions name the version of their runner, which may come to be known late."""
        executions = self.model.execution.get_queryset().filter(job__in=ids)
        executions.exclude(executor_version=version).update(executor_version=version)
