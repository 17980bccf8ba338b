"""The answers of management commands, where they cannot be written."""

import os
import subprocess
import sys

from tests.paths import ROOT

ANSWER = """
import django
django.setup()
from echopoint.core.commands import AnsweringCommand

class Command(AnsweringCommand):
    requires_system_checks = []

    def handle(self, **options):
        self.answer(options, {}, "an answer")

Command().run_from_argv(["manage.py", "answer"])
"""


def test_an_answer_that_cannot_be_written_is_one_line_and_no_success():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", ANSWER],
            cwd=ROOT,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: The output could not be written (No space left on device). The"
        " command did its work, and nothing of that was undone.\n"
    )
