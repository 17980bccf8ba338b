from django.core.management.base import CommandError
from django.db import Error, connections

from echopoint.core.commands import AnsweringCommand
from echopoint.management.copying import (
    LEFT_OUT,
    SOURCE,
    CannotCopy,
    copy_all,
    migrate,
    require_empty,
    require_migrated,
)
from echopoint.management.other_database import ALIAS, config_of, connected, first_line

PLACE = ("ENGINE", "NAME", "HOST", "PORT")
SAME_DATABASE = "That is the configured database. Name another, empty one."
INTERRUPTED = (
    "The copy was interrupted and rolled back. Run it again: a database that holds rows is"
    " refused."
)
NEXT = (
    "Set DATABASE_URL to the other database, keep SECRET_KEY, API_KEY_PEPPERS and"
    " ENCRYPTION_KEYS as they are, and start the site. People sign in again."
)


class Command(AnsweringCommand):
    help = (
        "Copy everything to another, empty database: from SQLite to PostgreSQL or back."
        " Stop the site first. Ids, times and encrypted values do not change. Rows are"
        " counted and every audit chain is verified before the copy is committed."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "database_url",
            metavar="DATABASE_URL",
            help="postgres://user:password@host:5432/name or sqlite:///file",
        )
        parser.add_argument(
            "--broken-chains",
            action="store_true",
            help="also copy audit chains that are already broken in this database",
        )

    def handle(self, *, database_url, broken_chains, **options):
        require_another(config_of(database_url))
        with connected(database_url) as other:
            try:
                require_migrated(connections[SOURCE])
                require_empty(other)
                migrate(ALIAS)
                rows, chains = copy_all(ALIAS, broken_chains=broken_chains)
            except CannotCopy as error:
                raise CommandError(f"{error} Nothing was copied.") from None
            except Error as error:
                raise CommandError(f"{INTERRUPTED} ({first_line(error)})") from None
            fields = {
                "vendor": other.vendor,
                "rows": rows,
                "left_out": LEFT_OUT,
                "chains": chains,
            }
        self.answer(options, fields, *lines(rows, chains))


def lines(rows, chains):
    counts = [f"{count:>9,} {label}" for label, count in rows.items() if count]
    left_out = (f"{label} ({reason})" for label, reason in LEFT_OUT.items())
    events = sum(chain["checked"] for chain in chains)
    broken = [c["organization_id"] for c in chains if not c["intact"]]
    state = f"broken as before: {', '.join(broken)}" if broken else "all intact"
    return [
        *counts,
        f"Left out: {', '.join(left_out)}.",
        f"Audit chains: {len(chains)}, with {events:,} events; {state}.",
        NEXT,
    ]


def require_another(config):
    here = connections[SOURCE].settings_dict
    if all(str(config.get(name, "")) == str(here[name]) for name in PLACE):
        raise CommandError(SAME_DATABASE)
