"""A fake API: launches and completes executions in memory.

Unlike the real API it can misbehave on request: fail, respond late, close the connection,
or refuse a key that was valid before.
"""

import hashlib
import json
import re
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NOW = "2030-01-01T00:00:00Z"


class StandIn(ThreadingHTTPServer):
    """The fake API, with its requests in `seen` and its rows in `executions`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.seen = []
        self.flows = {}
        self.inputs = {}
        self.secret_keys = []
        self.referenced_flows = {}
        self.executions = {}
        self.launches = {}
        self.completions = {}
        self.faults = []
        self.scopes = {"flows:read", "flows:execute", "runner:complete"}
        self.headers = {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add_flow(self, name="Smoke", *, tags=(), nodes=(), **fields):
        """Store a flow and return its id."""
        id = str(uuid.uuid4())
        definition = {"name": name, "version": "1.0", "nodes": list(nodes), "edges": []}
        flow = {"id": id, "name": name, "version": "1.0", "tags": list(tags)}
        self.flows[id] = flow | {"flow_definition": definition} | fields
        return id

    def fail(self, path, fault, times=1):
        """Respond to the next matching requests with a fault.

        A fault is (status, document or text), a number of seconds to wait, "close" to
        close the connection, or "lost" to process the request and then close it.
        """
        self.faults += [(re.compile(path), fault)] * times

    def fault_for(self, path):
        with self.lock:
            for index, (pattern, fault) in enumerate(self.faults):
                if pattern.search(path):
                    del self.faults[index]
                    return fault
        return None

    def requests_to(self, path):
        return [request for request in self.seen if re.search(path, request["path"])]

    def answer(self, method, path, query, headers, body):
        """Return (status, document, headers) for a request."""
        if missing := self.lacking(method, path):
            return refused(
                403,
                "MISSING_REQUIRED_SCOPES",
                f"This API key lacks {missing}.",
                {"missing_scopes": [missing]},
            )
        for route, action in ROUTES.items():
            wanted, pattern = route.split()
            if (match := re.fullmatch(pattern, path)) and wanted == method:
                return action(self, *match.groups(), headers=headers, body=body)
        return refused(404, "NOT_FOUND", "There is nothing here.")

    def lacking(self, method, path):
        needed = "flows:read"
        if path.endswith("/launch"):
            needed = "flows:execute"
        elif path.endswith("/complete"):
            needed = "runner:complete"
        elif path == "/api-keys/self":
            return None
        return None if needed in self.scopes else needed

    def launch(self, id, *, headers, body):
        if id not in self.flows:
            return refused(404, "NOT_FOUND", "There is no such flow.")
        key = headers.get("Idempotency-Key")
        scope = (id, key, body.get("environment_key"), body.get("trigger_type"))
        with self.lock:
            known = self.launches.get(scope) if key else None
            if known is None:
                execution = self.executed(id, body)
                self.executions[execution["id"]] = execution
                self.launches[scope] = execution["id"]
                return 202, {"execution": execution}, {}
        execution = self.executions[known]
        return 202, {"execution": execution}, {"Idempotent-Replayed": "true"}

    def executed(self, id, body):
        return {
            "id": str(uuid.uuid4()),
            "flow_id": id,
            "organization_id": "org_acme",
            "status": "pending",
            "flow_snapshot": self.flows[id]["flow_definition"],
            "runner_inputs": dict(self.inputs),
            "secret_input_keys": list(self.secret_keys),
            "referenced_flows": self.referenced_flows,
            "created_at": datetime.now(UTC).isoformat(),
            "started_at": NOW,
            "completed_at": None,
            "error_message": None,
            "error_code": None,
            "launched_with": body,
        }

    def complete(self, id, *, headers, body):
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with self.lock:
            execution = self.executions[id]
            if self.completions.setdefault(id, digest) != digest:
                return refused(409, "CONFLICT", "The execution has another result.")
            names = ("status", "started_at", "completed_at")
            execution |= {name: body[name] for name in names}
            execution |= {n: body[n] for n in ("error_message", "error_code", "result")}
        return 200, {"execution": execution, "nodes": self.rows(execution)}, {}

    def rows(self, execution):
        recorded = (execution.get("result") or {}).get("execution_results", {})
        return [
            {
                "node_id": node["node_id"],
                "display_name": node["display_name"],
                "node_type": node["node_type"],
                "status": "failed" if node.get("error_code") else "completed",
                "duration_ms": node.get("duration_ms"),
                "error_message": node.get("error_message"),
                "result": node,
            }
            for node in recorded.values()
        ]

    def nodes(self, flow_id, id, *, headers, body):
        return 200, self.rows(self.executions[id]), {}

    def search(self, *, headers, body):
        kept = all if body["tag_match_mode"] == "all" else any
        items = [
            flow
            for flow in self.flows.values()
            if kept(tag in flow["tags"] for tag in body["tags"])
        ]
        page = items[: body["pagination"]["limit"]]
        return 200, {"total": len(items), "count": len(page), "items": page}, {}

    def identity(self, *, headers, body):
        return (
            200,
            {
                "api_key_id": "key_1",
                "organization_id": "org_acme",
                "permissions": sorted(self.scopes),
            },
            {},
        )


ROUTES = {
    "POST /flows/search": StandIn.search,
    "POST /flows/([^/]+)/launch": StandIn.launch,
    "POST /runner/ephemeral/executions/([^/]+)/complete": StandIn.complete,
    "GET /flows/([^/]+)/executions/([^/]+)/nodes": StandIn.nodes,
    "GET /api-keys/self": StandIn.identity,
}


def refused(status, code, message, metadata=None):
    error = {"code": code, "message": message}
    if metadata:
        error["metadata"] = metadata
    return status, {"errors": [error]}, {}


class Handler(BaseHTTPRequestHandler):
    """Responds to a request, or misbehaves."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.serve()

    def do_GET(self):
        self.serve()

    def serve(self):
        url = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(text) if text else None
        self.server.seen.append(
            {
                "method": self.command,
                "path": url.path,
                "query": parse_qs(url.query),
                "headers": dict(self.headers),
                "body": body,
            }
        )
        fault = self.server.fault_for(url.path)
        if isinstance(fault, (int, float)):
            time.sleep(fault)
        elif fault == "close":
            return self.hang_up()
        elif isinstance(fault, tuple):
            return self.send(*fault)
        answer = self.server.answer(
            self.command, url.path, url.query, self.headers, body
        )
        if fault == "lost":
            return self.hang_up()
        return self.send(*answer)

    def hang_up(self):
        self.close_connection = True

    def send(self, status, document, headers=None):
        is_text = isinstance(document, str)
        text = document if is_text else json.dumps(document)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if is_text else "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("X-Request-Id", "request-1")
        for name, value in {**self.server.headers, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        """Log nothing."""

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


@contextmanager
def standing_in():
    """Yield the running server."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
