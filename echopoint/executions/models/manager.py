"""How executions come to be, and the questions asked of many."""

import hashlib
import json
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from echopoint.core.locks import for_change
from echopoint.environments.resolve import resolve
from echopoint.executions.callers import Nobody
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.models.ending import FLOW_DELETED, MOST_AT_ONCE, lost_before
from echopoint.executions.referenced_flows import referenced_flows
from echopoint.flows.definition.spelling import in_both_spellings
from echopoint.masking.mask import MASK
from echopoint.organizations.models import OrgOwnedQuerySet


class Launch(NamedTuple):
    """An execution that was asked for; `replayed` tells that it was there before."""

    execution: models.Model
    replayed: bool


class ExecutionQuerySet(OrgOwnedQuerySet):
    """Executions by what is asked of them."""

    def matching(self, *, status=None, trigger_type=None, flow_id=None, since=None):
        """Only executions of this kind; None asks for any."""
        wanted = {
            "status": status,
            "trigger_type": trigger_type,
            "flow_id": flow_id,
            "started_at__gte": since,
        }
        return self.filter(**{k: v for k, v in wanted.items() if v is not None})

    def with_keys(self):
        """Join the keys that launched and completed the execution."""
        return self.select_related("launched_by_key", "completed_by_key")

    def last_published_with(self, key):
        """Return the latest execution whose result came with this key, or None."""
        mine = self.for_org(key.organization_id).filter(completed_by_key=key)
        return mine.order_by("-published_at").first()


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
        """Launch the flow as it is now, with the values its variables have now.

        An ephemeral run may take `timeout_seconds`, by default what the setting says.
        With an idempotency key that was used for this flow before, return that launch's
        execution, and raise `ExecutionConflict` if it was asked for otherwise. Raise
        `UnknownEnvironment`, `ExecutionConflict` for a module that is gone, or
        `LimitReached`.
        """
        asked = [environment_key, runner_type, trigger_type]
        execution = self.model(
            organization=flow.organization,
            flow=flow,
            flow_name=flow.name,
            flow_snapshot=in_both_spellings(flow.flow_definition),
            environment_key=environment_key,
            runner_type=runner_type,
            timeout_seconds=timeout_of(runner_type, timeout_seconds),
            trigger_type=trigger_type,
            trigger_metadata=trigger_metadata or by.metadata,
            launched_by_key=by.key,
            launched_by=by.user,
            launched_by_label=by.label,
            idempotency_digest=idempotency_key and sha256(idempotency_key),
            idempotency_fingerprint=sha256(json.dumps(asked)),
        )
        at = at or timezone.now()
        if earlier := self.launched_before(execution):
            if earlier.is_overdue(at):
                earlier.expire(at)
                earlier.refresh_from_db()
            return Launch(earlier, True)
        with transaction.atomic():
            self.give_inputs(execution)
            execution.begin(at)
            self.require_flow(execution)
            try:
                with transaction.atomic():
                    execution.save(
                        force_insert=True, quota_owner=execution.organization_id
                    )
            except IntegrityError:
                # Another launch with the key was first, between the look and the write.
                if earlier := self.launched_before(execution):
                    return Launch(earlier, True)
                raise
            execution.queue()
        return Launch(execution, False)

    launch.alters_data = True

    def require_flow(self, execution):
        """Raise `ExecutionConflict` unless the flow is there until the launch is committed.

        Its jobs are cancelled as it is deleted; one that came after would be run.
        """
        if execution.runner_type == "self_hosted":
            flows = for_change(type(execution.flow).objects)
            if not list(flows.filter(pk=execution.flow_id).values_list("pk")):
                raise ExecutionConflict("The flow has just been deleted.")

    def end_overdue(self, organization=None, *, at=None):
        """Let executions fail that are past their deadline; return how many did.

        Those of one organization, the longest overdue of them, or all there are.
        """
        at = at or timezone.now()
        rows = self.filter(completed_at=None, deadline_at__lte=at)
        # A job that a runner holds, or held just now, is not overdue.
        held = lost_before(at)
        rows = rows.exclude(job__lease_expires_at__gt=held, job__finished_at=None)
        if organization is not None:
            rows = rows.for_org(organization).order_by("deadline_at", "pk")
            return sum(row.expire(at) for row in rows.only("pk")[:MOST_AT_ONCE])
        ended = 0
        while found := list(rows.order_by("pk").only("pk")[:MOST_AT_ONCE]):
            rows = rows.filter(pk__gt=found[-1].pk)
            ended += sum(row.expire(at) for row in found)
        return ended

    end_overdue.alters_data = True

    def cancel_jobs_of(self, flow):
        """Cancel what waits for a runner, or is run by one, as its flow is deleted."""
        jobs = self.filter(flow=flow, completed_at=None, job__finished_at=None)
        for execution in jobs.filter(job__isnull=False).order_by("job__pk"):
            execution.cancel(
                by=Nobody(),
                code=FLOW_DELETED,
                message="The flow was deleted before this had ended.",
            )

    cancel_jobs_of.alters_data = True

    def launched_before(self, execution):
        """Return what was launched with this idempotency key, or None.

        Raise `ExecutionConflict` if it was launched otherwise than is asked now.
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

    def give_inputs(self, execution):
        """Write the resolved inputs into the execution, secrets apart and sealed."""
        resolved = resolve(execution.flow, execution.environment_key)
        references = referenced_flows(execution.flow)
        secrets = {"inputs": {}, "referenced_flows": {}}
        execution.runner_inputs, secrets["inputs"] = masked(resolved)
        for id, (definition, overrides) in references.items():
            plain, hidden = masked(overrides)
            execution.referenced_flows[id] = {
                "flow_definition": definition,
                "input_overrides": plain,
                "secret_input_keys": sorted(hidden),
            }
            if hidden:
                secrets["referenced_flows"][id] = hidden
        execution.secret_input_keys = sorted(secrets["inputs"])
        if any(secrets.values()):
            execution.sealed_inputs = json.dumps(secrets)


def timeout_of(runner_type, asked):
    """Return how many seconds an ephemeral run may take; None for a job."""
    if runner_type != "ephemeral":
        return None
    return asked or settings.EXECUTION_TIMEOUT_SECONDS


def masked(resolved):
    """Return (the values with secrets as `***`, the secrets alone)."""
    secrets = {key: resolved.values[key] for key in resolved.secret_keys}
    return resolved.values | dict.fromkeys(secrets, MASK), secrets


def sha256(text):
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
