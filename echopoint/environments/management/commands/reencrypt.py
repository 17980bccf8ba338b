from django.core.management.base import CommandError
from django.db.models.functions import Left

from echopoint.core.commands import AnsweringCommand
from echopoint.environments.encrypted_text import encrypted_fields
from echopoint.environments.keyring import LABEL_LENGTH, DecryptionError, keyring

BATCH = 200


class Command(AnsweringCommand):
    help = (
        "Re-encrypt all encrypted columns with the first of ENCRYPTION_KEYS. Can be"
        " repeated, and run while the site is up."
    )

    def handle(self, **options):
        try:
            keyring()
        except ValueError as error:
            raise CommandError(str(error)) from None
        columns = [reencrypt(model, field) for model, field in encrypted_fields()]
        unreadable = sum(column["unreadable"] for column in columns)
        fields = {
            "reencrypted": sum(column["reencrypted"] for column in columns),
            "unreadable": unreadable,
            "columns": columns,
        }
        self.answer(options, fields, *map(line, columns))
        if unreadable:
            self.stderr.write(
                "Unreadable values were not changed. manage.py check --database default"
                " names the missing keys. Add them to the end of ENCRYPTION_KEYS, and run"
                " this again."
            )
            raise SystemExit(1)


def line(column):
    summary = f"{column['column']}: {column['reencrypted']} re-encrypted"
    if column["unreadable"]:
        return f"{summary}, {column['unreadable']} UNREADABLE."
    return f"{summary}; no value needs an older key."


def reencrypt(model, field):
    """Re-encrypt a column; return the counts of re-encrypted and unreadable values."""
    counts = {"column": f"{model._meta.label}.{field.name}"}
    counts |= {"reencrypted": 0, "unreadable": 0}
    for pk, stale in stale_values(model, field):
        try:
            fresh = stale.reencrypt()
        except DecryptionError:
            counts["unreadable"] += 1
            continue
        # Update the row only if it still has the value that was read. Otherwise a request
        # that changed it since would be overwritten with the old value.
        unchanged = model._base_manager.filter(**{"pk": pk, field.name: stale})
        counts["reencrypted"] += unchanged.update(**{field.name: fresh})
    return counts


def stale_values(model, field):
    """Yield (primary key, value) of values that are not encrypted with the first key.

    Read in batches, ordered by primary key: unreadable values remain stale, and the same
    query would return them again and again.
    """
    start = Left(field.name, LABEL_LENGTH)
    rows = model._base_manager.alias(label=start).order_by("pk")
    rows = rows.exclude(label=keyring().labels[0]).exclude(**{field.name: None})
    rows = rows.values_list("pk", field.name)
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1][0])[:BATCH])
