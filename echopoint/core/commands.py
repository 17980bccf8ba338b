"""Base class of the management commands."""

import json
import os
from contextlib import suppress

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from echopoint.core import context
from echopoint.core.redaction import cleaned
from echopoint.core.replica.writes import keep_position_of_command


class AnsweringCommand(BaseCommand):
    """A command that prints lines of text, or one JSON object with --json."""

    # True: stop if the configured secrets differ from the ones the database was written with.
    checks_database = False

    def get_check_kwargs(self, options):
        kwargs = super().get_check_kwargs(options)
        if self.checks_database:
            kwargs["databases"] = [DEFAULT_DB_ALIAS]
        return kwargs

    def create_parser(self, prog_name, subcommand, **kwargs):
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        # argparse quotes unknown arguments, and a key may be among them.
        report = parser.error
        parser.error = lambda message: report(cleaned(message))
        return parser

    def execute(self, *args, **options):
        with context.set_command(type(self).__module__.rpartition(".")[2]):
            try:
                return super().execute(*args, **options)
            finally:
                keep_position_of_command()

    def answer(self, options, fields, *lines):
        """Write to standard output. Nothing else may: programs parse it."""
        if options["json"]:
            lines = [json.dumps(fields, indent=2)]
        try:
            for line in lines:
                self.stdout.write(line)
            self.stdout.flush()
        except OSError as error:
            self.discard_output()
            raise CommandError(
                f"The output could not be written ({error.strerror}). The command did its"
                " work, and nothing of that was undone."
            ) from None

    def discard_output(self):
        """Send what is left to /dev/null, or Python fails once more when it flushes at exit."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stdout.fileno())
            os.close(nowhere)
