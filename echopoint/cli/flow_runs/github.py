"""What a GitHub Actions job says of itself."""

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
# What tells one run of a job from all others.
IDENTITY = ("repository", "workflow", "job", "run_id", "run_attempt")


def is_present() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def trigger_metadata() -> dict[str, str]:
    """Return what is known of the job, for the record of an execution."""
    found = {name: os.environ.get(variable) for name, variable in METADATA.items()}
    known = {name: value for name, value in found.items() if value}
    return {"source": "github_actions"} | known


def idempotency_key() -> str:
    """Return the key that this attempt of this job, and no other, launches with."""
    parts = [os.environ.get(METADATA[name], "") for name in IDENTITY]
    return "gh-" + digest("/".join(parts))


def unnamed() -> list[str]:
    """Return the variables without which two jobs would be taken for one."""
    return [METADATA[n] for n in IDENTITY if not os.environ.get(METADATA[n])]


def digest(text: str) -> str:
    """Return the first 16 hex digits of SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
