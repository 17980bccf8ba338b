"""The job queue: claims and leases."""

from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from echopoint.core.locks import for_change
from echopoint.executions.jobs.long_poll import job_poll
from echopoint.organizations.models import OrgOwnedQuerySet

MAX_ATTEMPTS = 5


def lease_end(at):
    """When a lease that is granted or renewed at this time expires."""
    return at + timedelta(seconds=settings.RUNNER_LEASE_SECONDS)


class RunnerJobQuerySet(OrgOwnedQuerySet):
    """Jobs by the state of their lease."""

    def claimable(self, at):
        """Unfinished jobs without a lease, or with an expired one."""
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=at)
        return self.filter(free, finished_at=None)

    def claimed(self, at):
        """Unfinished jobs whose lease is valid."""
        return self.filter(lease_expires_at__gt=at, finished_at=None)

    def held_by(self, holder):
        """Jobs that this runner process claimed last, also if the lease has expired."""
        # The boot id matters: a restarted runner has lost what it was working on, so it
        # must not renew or complete the jobs of its previous process.
        return self.filter(runner_id=holder.runner_id, boot_id=holder.boot_id)


class RunnerJobManager(models.Manager.from_queryset(RunnerJobQuerySet)):
    """The job queue of each organization.

    Lock order, to avoid deadlocks: runner, then jobs by id, then executions.
    """

    def enqueue(self, execution):
        """Add a job for the execution and wake the runners that poll."""
        job = self.create(
            organization=execution.organization,
            execution=execution,
            queued_at=execution.created_at,
        )
        # A runner that polls before the commit cannot see the row, and would then wait
        # until its next poll.
        transaction.on_commit(job_poll.wake)
        return job

    enqueue.alters_data = True

    def claim(self, runner, *, key, at=None) -> models.Model | None:
        """Lease the oldest claimable job to the runner and return it.

        Return None if there is no such job, or if the runner is at its
        `max_parallel_flows`. Claimable jobs that are cancelled, overdue or out of
        attempts are finished here instead of leased.
        """
        at = at or timezone.now()
        claimable = self.for_org(runner.organization_id).claimable(at)
        # Runners poll about once a second and mostly find nothing. These two reads
        # avoid a transaction with a row lock for each of those polls.
        if not runner.has_room(at) or not claimable.exists():
            return None
        with transaction.atomic():
            # Without this lock, concurrent claims of one runner would each count the
            # jobs before the others commit, and exceed max_parallel_flows. Capacity is
            # therefore checked again below.
            runner.lock()
            if not runner.has_room(at):
                return None
            while job := self._lock_oldest(claimable):
                if job.execution.has_ended:
                    job.finish(at)
                elif job.claimed_at is None and job.execution.is_overdue(at):
                    # The deadline is for the first claim. A job that was claimed in
                    # time and then lost may still be claimed again.
                    job.execution.expire(at)
                elif job.attempts >= MAX_ATTEMPTS:
                    # A flow that crashes its runner would otherwise crash all of them,
                    # one after the other, for ever.
                    job.fail_lost(at)
                else:
                    job.assign(runner, key=key, at=at)
                    return job
        return None

    claim.alters_data = True

    def _lock_oldest(self, claimable):
        # SKIP LOCKED: a job that another runner is claiming is skipped. A plain lock
        # would queue all runners up behind the same row, only to find it taken.
        # SQLite ignores it; there, writers run one at a time anyway.
        unlocked = claimable.select_for_update(
            skip_locked=True, of=("self",), no_key=True
        )
        return unlocked.order_by("queued_at", "pk").first()

    @transaction.atomic
    def renew(self, runner, ids, *, at=None) -> dict:
        """Renew the runner's leases; return {job id: new end of the lease}.

        An expired lease can be renewed until another runner claims the job. The result
        omits jobs that have ended, that the runner does not hold, or that do not exist.
        """
        at = at or timezone.now()
        held = self.for_org(runner.organization_id).held_by(runner)
        # Ordered by id: two heartbeats that list the same jobs in different order would
        # otherwise deadlock.
        held = held.filter(pk__in=ids, finished_at=None).order_by("pk")
        # Locked before the update: if a claim of the same job is in progress, this waits
        # and then no longer finds the job, instead of extending the other's lease.
        ids = list(for_change(held).values_list("pk", flat=True))
        until = lease_end(at)
        self.filter(pk__in=ids).update(lease_expires_at=until)
        if runner.version:
            self._store_version(ids, runner.version)
        return dict.fromkeys(ids, until)

    renew.alters_data = True

    def _store_version(self, ids, version):
        """Store the runner's version in the executions: claims do not send it."""
        executions = self.model.execution.get_queryset().filter(job__in=ids)
        executions.exclude(executor_version=version).update(executor_version=version)
