"""The few lines of Python in the README check a real export."""

import json
import re
import subprocess
import sys

import pytest

from apikeys.audit.export import as_ndjson
from apikeys.audit.hash_chain import FIELDS
from apikeys.models import AuditEvent
from tests.paths import ROOT
from tests.stored_chains import CHAINS, append


@pytest.fixture
def check(tmp_path):
    """Return a function that runs the README's program on lines: (exit code, output)."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (program,) = (block for block in blocks if "hashlib" in block)
    (tmp_path / "check.py").write_text(program)

    def check(lines):
        (tmp_path / "audit.ndjson").write_text("".join(lines))
        done = subprocess.run(
            [sys.executable, "-I", "check.py", "audit.ndjson"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    return check


@pytest.fixture
def lines(version_1):  # noqa: F811
    """Return an export with events of every version."""
    append(version_1)
    append(version_1)
    return list(as_ndjson(AuditEvent.objects.order_by("sequence")))


def test_an_export_is_intact(check, lines):
    head = json.loads(lines[-1])["hash"]

    assert check(lines) == (0, f"Intact from event 1 up to {head}\n")


@pytest.mark.parametrize("version", FIELDS)
def test_an_export_of_earlier_code_is_intact(check, version):
    code, said = check((CHAINS / f"version_{version}.ndjson").read_text())

    assert (code, said[:26]) == (0, "Intact from event 1 up to ")


@pytest.mark.parametrize("number", [1, 22, 23, 24])
def test_a_changed_event_is_found(check, lines, number):
    lines[number - 1] = lines[number - 1].replace('"via":"', '"via":"x')

    code, said = check(lines)

    assert code == 1
    assert f"Event {number} or the link" in said


def test_a_missing_event_is_found(check, lines):
    del lines[22]

    assert check(lines)[0] == 1


def test_a_later_beginning_is_said(check, lines):
    code, said = check(lines[3:])

    assert (code, said[:26]) == (0, "Intact from event 4 up to ")


def test_it_is_short(check):
    """Under twenty lines, so that it can be read before it is trusted."""
    program = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)

    assert len(program[1].splitlines()) < 20
