"""A client for the runner endpoints, and the completion that it sends."""

import uuid

PIPELINE_SCOPES = ("flows:execute", "runner:complete")


def completion(**changes):
    """Return the completion body of a passed execution with one node."""
    record = {
        "node_id": "pay",
        "display_name": "Pay",
        "node_type": "request",
        "inputs": {},
        "outputs": {"status": 200},
        "executed_at": "2026-01-05T10:00:00.25Z",
        "duration_ms": 120,
        "request_method": "GET",
        "request_url": "https://shop.example/health",
        "request_headers": {},
        "response_status_code": 200,
        "response_headers": {},
        "response_body": "e30=",
        "response_body_parsed": {},
    }
    return {
        "status": "completed",
        "started_at": "2026-01-05T10:00:00Z",
        "completed_at": "2026-01-05T10:00:01Z",
        "duration_ms": 1000,
        "result": {
            "execution_results": {"pay": record},
            "final_outputs": {"pay.status": 200},
            "success": True,
            "duration_ms": 1000,
        },
    } | changes


class RunnerClient:
    """An API client that acts as one self-hosted runner."""

    def __init__(self, api, runner_id="runner-1", **capacity):
        self.api = api
        self.identity = {"runner_id": runner_id, "boot_id": str(uuid.uuid4())}
        self.capacity = {"max_parallel_flows": 100} | capacity

    def next(self, **changes):
        body = self.identity | self.capacity | changes
        return self.api.post("/runner/jobs/next", body)

    def claim(self):
        """Claim a job and return it; fail if the queue is empty."""
        response = self.next()
        assert response.status_code == 200, response.content
        return response.json()

    def heartbeat(self, *jobs, **changes):
        ids = {"job_ids": [job["job_id"] for job in jobs]}
        body = self.identity | self.capacity | ids | changes
        return self.api.post("/runner/jobs/heartbeat", body)

    def send_events(self, job, *events):
        """Send events, each (sequence, type, payload), and return the response."""
        names = ("sequence", "type", "payload")
        items = [dict(zip(names, event, strict=True)) for event in events]
        body = self.identity | {"events": items}
        return self.api.post(f"/runner/jobs/{job['job_id']}/events", body)

    def complete(self, job, **changes):
        body = self.identity | completion(**changes)
        return self.api.post(f"/runner/jobs/{job['job_id']}/complete", body)
