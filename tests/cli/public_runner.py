"""A stand-in for the public runner, as its command line behaves.

Started without a word or with `serve` it is a server: it asks for its configuration and
then claims jobs. Only `ephemeral` reads a package. It logs JSON lines to stderr, the
outputs of nodes among them; writes null where it has nothing; times have nanoseconds;
`executed_at` is the end of the node.
"""

import json
import os
import sys
import time
from pathlib import Path

TIMES = {
    "started_at": "2030-01-01T00:00:00.000000001Z",
    "completed_at": "2030-01-01T00:00:01.500000001Z",
    "duration_ms": 1500,
}


def main():
    if sys.argv[1:] in ([], ["serve"]):
        serve()
    if sys.argv[1:] != ["ephemeral"]:
        sys.exit(3)
    try:
        package = json.load(sys.stdin)
        if not package["execution_id"] or not package["flow_definition"]:
            raise KeyError
    except (ValueError, KeyError):
        log("failed to read ephemeral package")
        sys.exit(3)
    results = [ran(node, package) for node in package["flow_definition"]["nodes"]]
    failed = next((r for r in results if r["error_code"]), None)
    write(results, failed)
    sys.exit(1 if failed else 0)


def serve():
    """Claim jobs for good, as a server that the command never meant to start."""
    Path(__file__).with_name("served").write_text("")
    if not os.environ.get("ECHOPOINT_RUNNER_API_KEY"):
        sys.exit(1)
    time.sleep(600)


def ran(node, package):
    outputs = {"seen": package["inputs"], "environment": sorted(os.environ)}
    log("Node executed successfully", nodeID=node["id"], outputs=outputs)
    failed = node["type"] == "assert"
    return {
        "node_id": node["id"],
        "display_name": node["display_name"],
        "node_type": node["type"],
        "run_when": "on_success",
        "inputs": package["inputs"],
        "outputs": outputs,
        "error_code": "ASSERTION_FAILED" if failed else None,
        "error_message": "it does not hold" if failed else None,
        "skip_reason": None,
        "missing_inputs": [],
        "executed_at": "2030-01-01T00:00:01.123456789Z",
        "duration_ms": 7,
    }


def write(results, failed):
    document = {"status": "failed" if failed else "completed", **TIMES}
    document["result"] = {
        "execution_results": {result["node_id"]: result for result in results},
        "final_outputs": {},
        "success": not failed,
        "duration_ms": 1500,
        "error_message": failed and failed["error_message"],
        "error_code": failed and failed["error_code"],
    }
    if failed:
        document |= {"error_message": failed["error_message"]}
        document |= {"error_code": failed["error_code"]}
    print(json.dumps(document))  # noqa: T201, what it is started for


def log(message, **facts):
    line = {"level": "info", "message": message, **facts}
    print(json.dumps(line), file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
