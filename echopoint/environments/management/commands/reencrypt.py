from django.core.management.base import CommandError
from django.db.models.functions import Left

from echopoint.core.commands import AnsweringCommand
from echopoint.environments.keyring import LABEL_LENGTH, Unreadable, keyring
from echopoint.environments.sealed import sealed_fields

BATCH = 200


class Command(AnsweringCommand):
    help = (
        "Encrypt all that is stored with the first of ENCRYPTION_KEYS. Safe to repeat, and"
        " to run while the site serves."
    )

    def handle(self, **options):
        try:
            keyring()
        except ValueError as error:
            raise CommandError(str(error)) from None
        columns = [reencrypt(model, field) for model, field in sealed_fields()]
        unreadable = sum(column["unreadable"] for column in columns)
        fields = {
            "reencrypted": sum(column["reencrypted"] for column in columns),
            "unreadable": unreadable,
            "columns": columns,
        }
        self.answer(options, fields, *map(line, columns))
        if unreadable:
            self.stderr.write(
                "What is unreadable was left as it is. Put its key back at the end of"
                " ENCRYPTION_KEYS, which manage.py check --database default names, and run"
                " this again."
            )
            raise SystemExit(1)


def line(column):
    said = f"{column['column']}: {column['reencrypted']} re-encrypted"
    if column["unreadable"]:
        return f"{said}, {column['unreadable']} UNREADABLE."
    return f"{said}; nothing needs an older key."


def reencrypt(model, field):
    """Return how many values of a column were re-encrypted, and how many no key opens."""
    counts = {"column": f"{model._meta.label}.{field.name}"}
    counts |= {"reencrypted": 0, "unreadable": 0}
    for pk, sealed in stale(model, field):
        try:
            fresh = sealed.resealed()
        except Unreadable:
            counts["unreadable"] += 1
            continue
        # Where the value was changed since it was read, the change stands.
        same = model._base_manager.filter(**{"pk": pk, field.name: sealed})
        counts["reencrypted"] += same.update(**{field.name: fresh})
    return counts


def stale(model, field):
    """Yield (primary key, value) of what is not under the first key, in batches."""
    start = Left(field.name, LABEL_LENGTH)
    rows = model._base_manager.alias(sealed_with=start).order_by("pk")
    rows = rows.exclude(sealed_with=keyring().labels[0]).exclude(**{field.name: None})
    rows = rows.values_list("pk", field.name)
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1][0])[:BATCH])
