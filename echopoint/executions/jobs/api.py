"""What self-hosted runners call: claiming jobs, keeping them, telling of them."""

from django.core.exceptions import RequestDataTooBig
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from apikeys.exceptions import KeyRejected
from apikeys.models import ApiKey
from echopoint.api.actions import Action, Many
from echopoint.api.exceptions import as_api_exception, errors_of
from echopoint.api.parsers import IncompleteBody
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core.client_address import address
from echopoint.executions.callers import Caller
from echopoint.executions.completion import Completion
from echopoint.executions.exceptions import ResultUnreadable
from echopoint.executions.jobs.long_poll import (
    has_hung_up,
    seconds_to_wait,
    waiting_room,
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

# Errors of a body that cannot be read. A retry of the runner would send the same body.
UNREADABLE = (APIException, RequestDataTooBig)
UNREADABLE_STATUSES = (400, 413, 415)


class RunnerJobViewSet(OrgScopedViewSet):
    """The jobs of the organization, for its runners."""

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
        """Claim the job that has waited longest; wait a while for one to come.

        204 when none came, or the runner is at max_parallel_flows of them: ask again.
        The job is the runner's until lease_expires_at, which heartbeats put off.
        """
        runner = self.hear_of(self.body())
        job = waiting_room.find(
            lambda: self.claim(runner),
            seconds=seconds_to_wait(request),
            is_gone=lambda: has_hung_up(request),
        )
        return self.show(job) if job else Response(status=204)

    def hear_of(self, values):
        """Remember the runner that a body names, and return it."""
        ours = ("holder", "max_parallel_flows")
        version = values.get("runner_version", "")
        told = {name: values[name] for name in ours}
        return Runner.objects.hear_of(self.organization, version=version, **told)

    def claim(self, runner):
        """Return a job for the runner, or None; raise for a key that was stopped meanwhile."""
        key = ApiKey.objects.by_public_id(self.request.auth.public_id)
        try:
            key.require_usable()
        except KeyRejected as refusal:
            key.record_refusal(refusal.code, ip=address(self.request))
            raise
        return RunnerJob.objects.claim(runner, key=key)

    def heartbeat(self, request):
        """Say that the runner is alive, and keep its jobs.

        A job that is rejected has ended or is another's by now: its result is not taken.
        """
        values = self.body()
        runner = self.hear_of(values)
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
        """Tell what happened, in the order of `sequence`, which begins with 1.

        Events that are known are passed by, those after a gap are not taken: go on after
        last_accepted_sequence. When a job is claimed again its events begin anew.
        """
        job, values = self.find(self.get_queryset(), jobId), self.body()
        last = job.tell(values["events"], holder=values["holder"])
        return self.show({"last_accepted_sequence": last})

    def complete(self, request, jobId):
        """Publish how the job ended. The same end can be sent again; another is a conflict.

        Of a result that is nested too deep or too large some values are left out, and
        named in `truncated_fields`. An end that cannot be read lets the job fail.
        """
        job = self.find(self.get_queryset(), jobId)
        try:
            values = self.body()
        except IncompleteBody:
            # The runner can send it again.
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
        """End the job, whose end cannot be read; return what to answer."""
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
            fate = f"The job had ended before, as {before}; nothing was changed."
        else:
            fate = "The job has failed. Mend the runner, and launch the flow again."
        return ResultUnreadable(reason, refused.status_code, fate)

    def named_holder(self):
        """Return the holder that a body names which is wrong otherwise, or None."""
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
        """Return the runners that were heard of in the last minute, and their jobs; no pages."""
        at = timezone.now()
        return self.show({"items": self.get_queryset().live(at).with_jobs(at)})
