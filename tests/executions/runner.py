"""A self-hosted runner whose jobs are but a pause.

    RUNNER_KEY=… python -m tests.executions.runner URL NAME SECONDS

It writes a line of JSON for each job that it claims and for each answer to an end.
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
    """Claims one job after the other, keeps it, tells of it, and ends it."""

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
                say(refused=answer.status_code)

    def beat(self):
        while True:
            self.post("heartbeat", **self.capacity, job_ids=self.current)
            time.sleep(HEARTBEAT)

    def work(self, job):
        id, began = job["job_id"], datetime.now(UTC)
        say(claimed=id, execution=job["execution_id"])
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
        say(ended=id, answer=answer.status_code)


def say(**line):
    print(json.dumps(line), flush=True)  # noqa: T201, what it is started for


if __name__ == "__main__":
    Runner(sys.argv[1], sys.argv[2], float(sys.argv[3])).run()
