"""The long fuzz, for `make fuzz`: the API by its own document, and every form.

`python -m tests.fuzz.run api` does the first alone. FUZZ_MINUTES bounds the first part (5), FUZZ_EXAMPLES is how many inputs each page gets in
the second (40), and FUZZ_SEED repeats a run; the seed is printed.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from apikeys.scopes import SCOPES
from tests.gunicorn_site import ROOT, UNLIMITED, manage, running_site

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
# A runner's request must not wait longer for a job than schemathesis' timeout.
SETTINGS = UNLIMITED | {"RUNNER_POLL_SECONDS": "1", "LOG_LEVEL": "error"}


def main():
    seed = os.environ.get("FUZZ_SEED") or str(random.randrange(10**9))  # noqa: S311
    say(f"FUZZ_SEED={seed}")
    parts = {"api": fuzz_api, "forms": fuzz_forms}
    found = {name: parts[name](seed) for name in sys.argv[1:] or parts}
    for name, (cases, failures) in found.items():
        say(f"{name}: {cases} cases, failures: {failures}")
    sys.exit(any(not cases or failures for cases, failures in found.values()))


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def fuzz_api(seed):
    """Send valid and invalid requests by the OpenAPI document; return (cases, failures).

    An operation that could not be tried is a failure too.
    """
    minutes = float(os.environ.get("FUZZ_MINUTES", "5"))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_site(Path(folder), pages=False, **SETTINGS) as site,
    ):
        program = Path(sys.executable).with_name("schemathesis")
        run = [program, "run", f"{site.url}/openapi.json", "--workers", "2"]
        run += ["--checks", ",".join(CHECKS), "--seed", seed, "--continue-on-failure"]
        run += ["--max-time", str(int(minutes * 60)), "--no-color", "--warnings", "off"]
        run += ["--header", f"X-Api-Key: {key_of(site)}"]
        run += ["--header", f"X-Organization-Id: {site.demo['organization_id']}"]
        done = subprocess.run(run, cwd=folder, capture_output=True, text=True)
    say(done.stdout)
    return counted(done.stdout, done.returncode)


def key_of(site):
    """Issue a key with every scope."""
    command = ["issue_api_key", "--organization", site.demo["organization_id"]]
    command += ["--name", "fuzz", "--json"]
    for scope in SCOPES:
        command += ["--scope", scope]
    return json.loads(manage(site.environment, *command))["secret"]


def counted(said, code):
    """Return (cases, failures) from the summary; a missing summary is a failure."""
    cases = re.search(r"^  (\d+) generated", said, re.M)
    kinds = re.findall(r"^  (?:❌|🚫) .+: (\d+)$", said, re.M)
    failures = sum(map(int, kinds))
    return int(cases[1]) if cases else 0, max(failures, int(code != 0))


def fuzz_forms(seed):
    """Run the form tests with more inputs; return (cases, failures)."""
    examples = os.environ.get("FUZZ_EXAMPLES", "40")
    environment = os.environ | {"FUZZ_EXAMPLES": examples, "FUZZ_SEED": seed}
    run = [
        sys.executable,
        "-m",
        "pytest",
        "--quiet",
        "tests/fuzz",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        run, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    say(done.stdout)
    cases = re.search(r"^fuzz: (\d+) inputs", done.stdout, re.M)
    failed = re.search(r"(\d+) (?:failed|errors?)", done.stdout)
    failures = int(failed[1]) if failed else int(done.returncode != 0)
    return int(cases[1]) if cases else 0, failures


if __name__ == "__main__":
    main()
