"""The action, run as GitHub runs it."""

import fcntl
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.action.action_files import ACTION, DOCUMENT, KEY, SHELL, outputs_of
from tests.cli.fake_api import standing_in

# The real one, as on GitHub: a shim of a version manager takes longer than a step.
PYTHON_FOLDER = Path(sys._base_executable).parent
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
    """Return the folder of one job: steps after the first one find what it installed.

    The workers of pytest-xdist share it, because an installation takes many seconds.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return tmp_path_factory.mktemp("runner-temp")
    folder = tmp_path_factory.getbasetemp().parent / "runner-temp"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def one_installation(runner_temp):
    """Return a context manager that lets one worker at a time run a step that installs."""

    @contextmanager
    def one_installation(env):
        if env["RUNNER_TEMP"] != str(runner_temp):
            yield  # The test says that nothing is installed.
            return
        with open(runner_temp / "lock", "w") as lock:
            # Released when the file closes.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (runner_temp / "echopoint-cli/requirements.lock").exists():
                fcntl.flock(lock, fcntl.LOCK_UN)
            yield

    return one_installation


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
            "PATH": f"{PYTHON_FOLDER}:{os.environ['PATH']}",
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
def step(prepared, one_installation):
    """Return the action's step: `step({"flow-id": id})` runs it to its end."""

    def step(inputs, **environment):
        env, scripts, workspace = prepared(inputs, **environment)
        Path(env["GITHUB_OUTPUT"]).write_text("")
        Path(env["GITHUB_STEP_SUMMARY"]).write_text("")
        log, code = "", 0
        for script, own in scripts:
            with one_installation(env):
                ended = subprocess.run(
                    [*SHELL, script],
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
