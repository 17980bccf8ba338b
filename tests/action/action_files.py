"""The files of the Action, and the outputs of its step."""

import re

import yaml

from tests.paths import ROOT

ACTION = ROOT / ".github/actions/run-flows"


DOCUMENT = yaml.safe_load((ACTION / "action.yml").read_text())


KEY = "epk_live_AAAAAAAAAAAA_" + "k" * 49

SHELL = ["/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]


def outputs_of(text):
    """Return the outputs in a GITHUB_OUTPUT file."""
    values, lines = {}, iter(text.split("\n"))
    for line in lines:
        if match := re.fullmatch(r"([\w-]+)<<(.+)", line):
            value = []
            while (part := next(lines)) != match[2]:
                value.append(part)
            values[match[1]] = "\n".join(value)
        elif line:
            name, _, values[name] = line.partition("=")
    return values
