"""What the management commands share."""

import json

from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS

from echopoint.core import acting
from echopoint.core.redaction import cleaned


class AnsweringCommand(BaseCommand):
    """A command that answers in lines for people, or in one JSON object with --json."""

    # Stop unless the configured secrets are those of the database.
    checks_database = False

    def get_check_kwargs(self, options):
        kwargs = super().get_check_kwargs(options)
        if self.checks_database:
            kwargs["databases"] = [DEFAULT_DB_ALIAS]
        return kwargs

    def create_parser(self, prog_name, subcommand, **kwargs):
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument(
            "--json", action="store_true", help="answer with one JSON object"
        )
        # argparse repeats what it does not understand.
        complain = parser.error
        parser.error = lambda message: complain(cleaned(message))
        return parser

    def execute(self, *args, **options):
        with acting.as_command(type(self).__module__.rpartition(".")[2]):
            return super().execute(*args, **options)

    def answer(self, options, fields, *lines):
        """Write the answer to standard output, and nothing else goes there."""
        if options["json"]:
            lines = [json.dumps(fields, indent=2)]
        for line in lines:
            self.stdout.write(line)
