"""Endpoints for self-hosted runners: claim, heartbeat, events, completion."""

from django.core.exceptions import RequestDataTooBig
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from apikeys.models import ApiKey
from echopoint.api.actions import Action, Many
from echopoint.api.exceptions import as_api_exception, errors_of
from echopoint.api.parsers import IncompleteBody
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core.client_address import address
from echopoint.core.refusals import Refused
from echopoint.executions.callers import Caller
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import ResultUnreadable
from echopoint.executions.jobs.long_poll import (
    is_disconnected,
    job_poll,
    poll_seconds,
)
from echopoint.executions.jobs.serializers import (
    HolderSerializer,
    LiveRunnerListResponseSerializer,
    RunnerJobCompletionRequestSerializer,
    RunnerJobEventsRequestSerializer,
    RunnerJobEventsResponseSerializer,
    RunnerJobHeartbeatRequestSerializer,
    RunnerJobHeartbeatResultSerializer,
    RunnerJobNextRequestSerializer,
    RunnerJobPayloadSerializer,
)
from echopoint.executions.models import Runner, RunnerJob

# Errors of an unreadable body. They are permanent: a retry would send the same body.
UNREADABLE = (APIException, RequestDataTooBig)
UNREADABLE_STATUSES = (400, 413, 415)


class RunnerJobViewSet(OrgScopedViewSet):
    """The jobs of the organization."""

    tag = "Runners"
    queryset = RunnerJob.objects.all()
    accepts = (ApiKey,)
    requires_organization = False
    api_actions = {
        "next": Action(
            id="nextRunnerJob",
            scopes=["runner:claim"],
            body=RunnerJobNextRequestSerializer,
            answer=RunnerJobPayloadSerializer,
            may_find_nothing=True,
        ),
        "heartbeat": Action(
            id="heartbeatRunnerJobs",
            scopes=["runner:claim"],
            body=RunnerJobHeartbeatRequestSerializer,
            answer=RunnerJobHeartbeatResultSerializer,
            many=Many.BARE,
        ),
        "events": Action(
            id="sendRunnerJobEvents",
            scopes=["runner:complete"],
            body=RunnerJobEventsRequestSerializer,
            recording=True,
            answer=RunnerJobEventsResponseSerializer,
            conflicts=True,
        ),
        "complete": Action(
            id="completeRunnerJob",
            scopes=["runner:complete"],
            body=RunnerJobCompletionRequestSerializer,
            recording=True,
            status=204,
            conflicts=True,
        ),
    }

    def next(self, request):
        """Claim the oldest job. The request waits for some seconds if there is none.

        204 means that there is no job, or that the runner holds max_parallel_flows of
        them: repeat the request. The runner holds the job until lease_expires_at;
        heartbeats extend it.
        """
        runner = self.record_heartbeat(self.body())
        job = job_poll.wait_for(
            lambda: self.claim(runner),
            seconds=poll_seconds(request),
            is_gone=lambda: is_disconnected(request),
        )
        return self.show(job) if job else Response(status=204)

    def record_heartbeat(self, values):
        return Runner.objects.record_heartbeat(
            self.organization,
            values["holder"],
            max_parallel_flows=values["max_parallel_flows"],
            version=values.get("runner_version", ""),
        )

    def claim(self, runner):
        """Return a job for the runner, or None.

        Raise `Refused` if the key was revoked or restricted since the request began.
        """
        # A request waits for many seconds. Without a second check, a revoked key could
        # still claim a job, and read its secrets.
        key = ApiKey.objects.by_public_id(self.request.auth.public_id)
        ip = address(self.request)
        try:
            key.require_allowed(organization_id=self.organization.pk, ip=ip)
        except Refused as refusal:
            key.record_refusal(refusal.code, ip=ip)
            raise
        return RunnerJob.objects.claim(runner, key=key)

    def heartbeat(self, request):
        """Report that the runner is alive, and renew the leases of its jobs.

        A rejected job has ended, or another runner has claimed it. Stop working on it: its
        result would be refused.
        """
        values = self.body()
        runner = self.record_heartbeat(values)
        renewed = RunnerJob.objects.renew(runner, values["job_ids"])
        results = [
            {
                "job_id": id,
                "status": "renewed" if id in renewed else "rejected",
                "lease_expires_at": renewed.get(id),
            }
            for id in values["job_ids"]
        ]
        return Response(self.get_serializer(results, many=True).data)

    def events(self, request, jobId):
        """Send events in the order of `sequence`, which begins with 1.

        Known events are skipped. Events after a gap are not stored: continue after
        last_accepted_sequence. When a job is claimed again, its events begin with 1 again.
        """
        job, values = self.find(self.get_queryset(), jobId), self.body()
        last = job.store_events(values["events"], holder=values["holder"])
        return self.show({"last_accepted_sequence": last})

    def complete(self, request, jobId):
        """Publish the result. Repeating it is safe; a different result is a conflict.

        If a result is too large or nested too deeply, some values are left out and listed
        in `truncated_fields`. If the body cannot be read, the job fails.
        """
        job = self.find(self.get_queryset(), jobId)
        try:
            values = self.body()
        except IncompleteBody:
            # The connection broke, so a retry can succeed: the job must not fail.
            raise
        except UNREADABLE as error:
            if getattr(error, "status_code", 413) not in UNREADABLE_STATUSES:
                raise
            raise self.unreadable(job, error) from error
        job.complete(
            Completion.of(values),
            holder=values["holder"],
            by=Caller.of(request),
            version=values.get("runner_version", ""),
        )
        return Response(status=204)

    def unreadable(self, job, error):
        """Fail the job whose completion cannot be read; return the error to raise."""
        refused = as_api_exception(error)
        reason = " ".join(
            f"{item['field']}: {item['message']}"
            if "field" in item
            else item["message"]
            for item in errors_of(refused)[:3]
        )
        before = job.end_unreadable(
            reason, holder=self.named_holder(), by=Caller.of(self.request)
        )
        if before:
            outcome = f"The job had already ended as {before}; nothing was changed."
        else:
            outcome = "The job has failed. Fix the runner, and launch the flow again."
        return ResultUnreadable(reason, refused.status_code, outcome)

    def named_holder(self):
        """Return the holder in an invalid body, or None if it cannot be read either."""
        try:
            body = HolderSerializer(data=self.request.data)
            return body.validated_data["holder"] if body.is_valid() else None
        except UNREADABLE:
            return None


class RunnerViewSet(OrgScopedViewSet):
    """The organization's runners."""

    tag = "Runners"
    queryset = Runner.objects.order_by("runner_id", "-last_seen_at")
    serializer_class = LiveRunnerListResponseSerializer
    api_actions = {"live": Action(id="listLiveRunners", scopes=["flows:read"])}

    def live(self, request):
        """Return the runners seen in the last minute, with their jobs. Not paginated."""
        at = timezone.now()
        return self.show({"items": self.get_queryset().live(at).with_jobs(at)})
