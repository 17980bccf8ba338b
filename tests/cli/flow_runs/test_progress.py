"""Progress on a terminal, and where there is none."""

import os
import subprocess

import pytest

from tests.cli.delay_node import NODE
from tests.cli.terminals import COMMAND, ROOT, read_all, terminal


def shown_to_a_person(*arguments, **environment):
    """Return what the command shows on stderr when that is a terminal, and stdout."""
    with terminal() as (shown, end):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=end,
            env=os.environ | {"TERM": "xterm"} | environment,
            cwd=ROOT,
        )
        os.close(end)
        text = read_all(shown)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return text, out.decode()


def test_a_person_sees_the_nodes_live(api):
    shown, out = shown_to_a_person("flows", "run", api.add_flow(nodes=[NODE]))

    assert "… Wait a bit" in shown
    assert "✓ Wait a bit passed" in shown
    assert "\x1b[?25h" in shown, "the cursor is back"
    assert "\x1b" not in out
    assert "1 of 1" in out


KEYS = ["epk_live_AAAAAAAAAAAA_" + "k" * 49, "a-key-of-another-form-0123456789"]


def test_a_key_is_shown_to_a_person_no_more_than_elsewhere(api):
    nodes = [
        NODE | {"id": f"n{number}", "display_name": f"node {key}"}
        for number, key in enumerate(KEYS)
    ]
    flows = [api.add_flow(f"flow {key}", nodes=nodes) for key in KEYS]

    shown, out = shown_to_a_person(
        *("flows", "run", *flows), ECHOPOINT_API_KEY=KEYS[1], COLUMNS="200"
    )

    assert "flow " in shown
    assert "node " in shown
    assert "kkkk" not in shown + out
    assert "0123456789" not in shown + out


@pytest.mark.parametrize("variable", ["CI", "TERM"])
def test_a_ci_log_has_plain_lines(api, variable):
    environment = {"CI": "true"} if variable == "CI" else {"TERM": "dumb"}

    shown, _ = shown_to_a_person(
        "flows", "run", api.add_flow(nodes=[NODE]), **environment
    )

    lines = [line for line in shown.splitlines() if line]
    assert [line.partition("] ")[2].split(" in ")[0] for line in lines][1:] == [
        "✓ Wait a bit passed",
        "✓ passed",
    ]
    assert "\x1b" not in shown


def test_no_color_means_no_colour(api):
    plain, _ = shown_to_a_person(
        "flows", "run", api.add_flow(nodes=[NODE]), NO_COLOR="1"
    )

    assert "\x1b[3" not in plain
