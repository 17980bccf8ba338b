"""The action, run as GitHub runs it."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.action.action_files import ACTION, DOCUMENT, KEY, outputs_of
from tests.cli.fake_api import standing_in

EXPRESSION = re.compile(r"\$\{\{\s*inputs\.([a-z-]+)\s*\}\}")


class StepResult(NamedTuple):
    """The exit code, log, outputs and summary of a step."""

    code: int
    log: str
    outputs: dict
    summary: str


def expanded(text, inputs):
    """Return a value with the expressions in it evaluated, as GitHub does first."""
    return EXPRESSION.sub(lambda match: inputs[match[1]], text)


@pytest.fixture(scope="session")
def runner_temp(tmp_path_factory):
    """Return the folder of one job: steps after the first one find what it installed."""
    return tmp_path_factory.mktemp("runner-temp")


@pytest.fixture
def api():
    with standing_in() as server:
        yield server


@pytest.fixture
def prepared(tmp_path, runner_temp):
    """Return the environment and the scripts of a step with these inputs."""

    def prepared(inputs, **environment):
        defaults = {n: i.get("default", "") for n, i in DOCUMENT["inputs"].items()}
        inputs = defaults | inputs
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        scripts = []
        for number, step in enumerate(DOCUMENT["runs"]["steps"]):
            assert step["shell"] == "bash"
            script = tmp_path / f"step-{number}.sh"
            script.write_text(expanded(step["run"], inputs))
            own = {n: expanded(v, inputs) for n, v in step.get("env", {}).items()}
            scripts.append((script, own))
        env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_WORKFLOW": "CI",
            "GITHUB_JOB": "smoke",
            "GITHUB_RUN_ID": "77",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "RUNNER_TEMP": str(runner_temp),
            "ECHOPOINT_RETRY_PAUSE": "0.01",
        }
        pip = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_"))}
        return env | pip | environment, scripts, workspace

    return prepared


@pytest.fixture
def step(prepared, tmp_path):
    """Return the action's step: `step({"flow-id": id})` runs it to its end."""

    def step(inputs, **environment):
        env, scripts, workspace = prepared(inputs, **environment)
        Path(env["GITHUB_OUTPUT"]).write_text("")
        Path(env["GITHUB_STEP_SUMMARY"]).write_text("")
        log, code = "", 0
        for script, own in scripts:
            ended = subprocess.run(
                ["/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
                env=env | own,
                cwd=workspace,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
            log, code = log + ended.stdout, code or ended.returncode
        return StepResult(
            code,
            log,
            outputs_of(Path(env["GITHUB_OUTPUT"]).read_text()),
            Path(env["GITHUB_STEP_SUMMARY"]).read_text(),
        )

    return step


@pytest.fixture
def given(api):
    """Return the inputs that every step has."""
    return {"api-key": KEY, "organization-id": "org_acme", "api-url": api.url}
