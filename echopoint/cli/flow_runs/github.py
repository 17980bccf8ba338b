"""The metadata of the GitHub Actions job that the command runs in."""

import hashlib
import os

METADATA = {
    "repository": "GITHUB_REPOSITORY",
    "workflow": "GITHUB_WORKFLOW",
    "job": "GITHUB_JOB",
    "run_id": "GITHUB_RUN_ID",
    "run_attempt": "GITHUB_RUN_ATTEMPT",
    "sha": "GITHUB_SHA",
    "ref": "GITHUB_REF",
    "actor": "GITHUB_ACTOR",
}
# The fields that identify one attempt of a job.
IDENTITY = ("repository", "workflow", "job", "run_id", "run_attempt")


def is_present() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def trigger_metadata() -> dict[str, str]:
    """Return the known fields of the job, as `trigger_metadata` of a launch."""
    values = {name: os.environ.get(variable) for name, variable in METADATA.items()}
    known = {name: value for name, value in values.items() if value}
    return {"source": "github_actions"} | known


def idempotency_key() -> str:
    """Return a key that is unique to this attempt of this job."""
    parts = [os.environ.get(METADATA[name], "") for name in IDENTITY]
    return "gh-" + digest("/".join(parts))


def missing_variables() -> list[str]:
    """Return the unset variables. Without them, different jobs get the same key."""
    return [METADATA[n] for n in IDENTITY if not os.environ.get(METADATA[n])]


def digest(text: str) -> str:
    """Return the first 16 hex digits of SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
