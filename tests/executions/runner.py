"""A self-hosted runner whose jobs only sleep.

    RUNNER_KEY=… python -m tests.executions.runner URL NAME SECONDS

It prints a line of JSON for each claimed job and each completed one.
"""

import json
import os
import sys
import threading
import time
import uuid
from datetime import UTC, datetime

import httpx

HEARTBEAT = 0.5  # seconds


class Runner:
    """Claims jobs one by one, sends heartbeats and events, and completes them."""

    def __init__(self, url, name, seconds):
        self.seconds = seconds
        self.identity = {"runner_id": name, "boot_id": str(uuid.uuid4())}
        self.capacity = {"max_parallel_flows": 1}
        self.current = []
        headers = {"X-Api-Key": os.environ["RUNNER_KEY"]}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=45)

    def post(self, path, **body):
        return self.client.post(f"/runner/jobs/{path}", json=self.identity | body)

    def run(self):
        threading.Thread(target=self.beat, daemon=True).start()
        while True:
            answer = self.post("next", **self.capacity)
            if answer.status_code == 200:
                self.work(answer.json())
            elif answer.status_code != 204:
                report(refused=answer.status_code)

    def beat(self):
        while True:
            self.post("heartbeat", **self.capacity, job_ids=self.current)
            time.sleep(HEARTBEAT)

    def work(self, job):
        id, began = job["job_id"], datetime.now(UTC)
        report(claimed=id, execution=job["execution_id"])
        self.current = [id]
        started = {"flowName": job["flow_definition"]["name"]}
        self.post(
            f"{id}/events",
            events=[{"sequence": 1, "type": "flow.started", "payload": started}],
        )
        time.sleep(self.seconds)
        answer = self.post(
            f"{id}/complete",
            status="completed",
            started_at=began.isoformat(),
            completed_at=datetime.now(UTC).isoformat(),
            duration_ms=int(self.seconds * 1000),
            last_event_sequence=1,
        )
        self.current = []
        report(ended=id, answer=answer.status_code)


def report(**line):
    print(json.dumps(line), flush=True)  # noqa: T201, the test reads it


if __name__ == "__main__":
    Runner(sys.argv[1], sys.argv[2], float(sys.argv[3])).run()
