"""How executions come to be, and the questions asked of many."""

import hashlib
import json
from typing import NamedTuple

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from echopoint.environments.resolve import resolve
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.masking import MASK
from echopoint.executions.references import referenced_flows
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
        environment_key="",
        trigger_type="manual",
        trigger_metadata=None,
        idempotency_key="",
        at=None,
    ) -> Launch:
        """Launch the flow as it is now, with the values its variables have now.

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
            flow_snapshot=flow.flow_definition,
            environment_key=environment_key,
            runner_type=runner_type,
            trigger_type=trigger_type,
            trigger_metadata=trigger_metadata or by.metadata,
            launched_by_key=by.key,
            launched_by=by.user,
            launched_by_label=by.label,
            idempotency_digest=idempotency_key and sha256(idempotency_key),
            idempotency_fingerprint=sha256(json.dumps(asked)),
        )
        if earlier := self.launched_before(execution):
            return Launch(earlier, True)
        with transaction.atomic():
            self.give_inputs(execution)
            execution.require_room(execution.organization_id)
            execution.begin(at or timezone.now())
            try:
                with transaction.atomic():
                    execution.save(force_insert=True)
            except IntegrityError:
                # Another launch with the key was first, between the look and the write.
                if earlier := self.launched_before(execution):
                    return Launch(earlier, True)
                raise
            execution.queue()
        return Launch(execution, False)

    launch.alters_data = True

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


def masked(resolved):
    """Return (the values with secrets as `***`, the secrets alone)."""
    secrets = {key: resolved.values[key] for key in resolved.secret_keys}
    return resolved.values | dict.fromkeys(secrets, MASK), secrets


def sha256(text):
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
