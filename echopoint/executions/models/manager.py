"""Launch executions, and query them."""

import hashlib
import json
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from echopoint.core.locks import for_change
from echopoint.executions.callers import SystemCaller
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.models.termination import (
    EXPIRE_BATCH,
    FLOW_DELETED,
    lost_before,
)
from echopoint.flows.definition.spelling import in_both_spellings
from echopoint.organizations.models import OrgOwnedQuerySet


class Launch(NamedTuple):
    """A launched execution; `replayed` if an earlier request launched it."""

    execution: models.Model
    replayed: bool


class ExecutionQuerySet(OrgOwnedQuerySet):
    """Filters of executions."""

    def matching(self, *, status=None, trigger_type=None, flow_id=None, since=None):
        """Executions with these values; None is no filter."""
        filters = {
            "status": status,
            "trigger_type": trigger_type,
            "flow_id": flow_id,
            "started_at__gte": since,
        }
        return self.filter(**{k: v for k, v in filters.items() if v is not None})

    def with_keys(self):
        """Join the keys that launched and completed the execution."""
        return self.select_related("launched_by_key", "completed_by_key")

    def last_published_with(self, key):
        """Return the latest execution whose result this key published, or None."""
        published = self.for_org(key.organization_id).filter(completed_by_key=key)
        return published.order_by("-published_at").first()


class ExecutionManager(models.Manager.from_queryset(ExecutionQuerySet)):
    """Launches flows."""

    def launch(
        self,
        flow,
        *,
        by,
        runner_type,
        timeout_seconds=None,
        environment_key="",
        trigger_type="manual",
        trigger_metadata=None,
        idempotency_key="",
        at=None,
    ) -> Launch:
        """Launch the flow with its current definition and variables.

        `timeout_seconds` is for ephemeral executions; the default is a setting. If the
        idempotency key was used for this flow before, return the execution of that
        launch, or raise `ExecutionConflict` if its parameters differ. Also raise
        `UnknownEnvironment`, `ExecutionConflict` for a called flow that is missing, or
        `LimitReached`.
        """
        fingerprint = json.dumps([environment_key, runner_type, trigger_type])
        execution = self.model(
            organization=flow.organization,
            flow=flow,
            flow_name=flow.name,
            flow_snapshot=in_both_spellings(flow.flow_definition),
            environment_key=environment_key,
            runner_type=runner_type,
            timeout_seconds=ephemeral_timeout(runner_type, timeout_seconds),
            trigger_type=trigger_type,
            trigger_metadata=trigger_metadata or by.metadata,
            launched_by_key=by.key,
            launched_by=by.user,
            launched_by_label=by.label,
            # A digest: clients may use a random secret as their idempotency key.
            idempotency_digest=idempotency_key and sha256(idempotency_key),
            idempotency_fingerprint=sha256(fingerprint),
        )
        at = at or timezone.now()
        if earlier := self.earlier_launch(execution):
            # The response must not show an abandoned execution as running: its launcher
            # would wait for a result that never comes.
            if earlier.is_overdue(at):
                earlier.expire(at)
                earlier.refresh_from_db()
            return Launch(earlier, True)
        with transaction.atomic():
            execution.set_inputs()
            execution.begin(at)
            self.require_flow(execution)
            try:
                # A savepoint: on PostgreSQL the failed insert would otherwise abort the
                # transaction, and the query below with it.
                with transaction.atomic():
                    execution.save(
                        force_insert=True, quota_owner=execution.organization_id
                    )
            except IntegrityError:
                # A concurrent request with the same key passed the check above too. The
                # unique constraint lets one of them insert; the others return its row.
                if earlier := self.earlier_launch(execution):
                    return Launch(earlier, True)
                raise
            execution.queue()
        return Launch(execution, False)

    launch.alters_data = True

    def require_flow(self, execution):
        """Raise `ExecutionConflict` if the flow was deleted; else lock it until the commit.

        A deletion cancels the jobs of the flow. Without the lock, a job that is committed
        just after it would be run for a flow that no longer exists.
        """
        if execution.runner_type == "self_hosted":
            flows = for_change(type(execution.flow).objects)
            if not list(flows.filter(pk=execution.flow_id).values_list("pk")):
                raise ExecutionConflict("The flow has just been deleted.")

    def end_overdue(self, organization=None, *, at=None):
        """Fail executions that are past their deadline; return how many.

        With an organization, only its `EXPIRE_BATCH` most overdue ones: reads call this,
        and must not take long. Without one, all there are.
        """
        at = at or timezone.now()
        rows = self.filter(completed_at=None, deadline_at__lte=at)
        # The deadline of a job is that of its claim. Once claimed, its lease decides.
        held = lost_before(at)
        rows = rows.exclude(job__lease_expires_at__gt=held, job__finished_at=None)
        if organization is not None:
            rows = rows.for_org(organization).order_by("deadline_at", "pk")
            return sum(row.expire(at) for row in rows.only("pk")[:EXPIRE_BATCH])
        ended = 0
        # Continues after the last id, because a row that `expire` skips stays in `rows`:
        # repeating the same query would never end.
        while batch := list(rows.order_by("pk").only("pk")[:EXPIRE_BATCH]):
            rows = rows.filter(pk__gt=batch[-1].pk)
            ended += sum(row.expire(at) for row in batch)
        return ended

    end_overdue.alters_data = True

    def cancel_jobs_of(self, flow):
        """Cancel the queued and running jobs of a flow that is being deleted."""
        jobs = self.filter(flow=flow, completed_at=None, job__finished_at=None)
        # In the order of the job ids, which is the lock order.
        for execution in jobs.filter(job__isnull=False).order_by("job__pk"):
            execution.cancel(
                by=SystemCaller(),
                code=FLOW_DELETED,
                message="The flow was deleted before this execution had ended.",
            )

    cancel_jobs_of.alters_data = True

    def earlier_launch(self, execution):
        """Return the execution that has this flow and idempotency key, or None.

        Raise `ExecutionConflict` if it was launched with other parameters.
        """
        if not execution.idempotency_digest:
            return None
        earlier = (
            self.for_org(execution.organization)
            .filter(
                flow_id=execution.flow_id,
                idempotency_digest=execution.idempotency_digest,
            )
            .first()
        )
        fingerprint = execution.idempotency_fingerprint
        if earlier and earlier.idempotency_fingerprint != fingerprint:
            raise ExecutionConflict(
                "This Idempotency-Key was used to launch the flow with another"
                " environment, runner type or trigger type. Use a new key."
            )
        return earlier


def ephemeral_timeout(runner_type, seconds):
    """Return the timeout of an ephemeral execution in seconds; None for a job."""
    if runner_type != "ephemeral":
        return None
    return seconds or settings.EXECUTION_TIMEOUT_SECONDS


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
