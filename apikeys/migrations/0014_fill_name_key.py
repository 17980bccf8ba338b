"""Fold the names that there are; keys whose names become one by it go on side by side.

Batches of their own transactions, so that a table of a million is not locked for long.
Run once more after it was stopped, it goes over all names again, and changes nothing
where it was. Going back leaves the columns as they are: the migration before drops them.
"""

from django.db import migrations, transaction
from django.db.models import Count, F, Min

from echopoint.core.characters import fold

BATCH = 5000
LENGTH = 400
LIVE = {"revoked_at": None, "retire_at": None}  # as the constraint has it


def fold_names(apps, schema_editor):
    connection = schema_editor.connection
    keys = apps.get_model("apikeys", "ApiKey").objects.using(connection.alias)
    last = 0
    while names := list(
        keys.filter(pk__gt=last).order_by("pk").values_list("name", "pk")[:BATCH]
    ):
        folded = [(fold(name)[:LENGTH], pk) for name, pk in names]
        with transaction.atomic(connection.alias), connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE apikeys_apikey SET name_key = %s WHERE id = %s", folded
            )
        last = names[-1][1]


def tell_namesakes_apart(apps, schema_editor):
    """Let the oldest live key of a name hold it; the others keep theirs beside it."""
    keys = apps.get_model("apikeys", "ApiKey").objects
    live = keys.using(schema_editor.connection.alias).filter(**LIVE)
    names = live.values("organization_id", "name_key").order_by()
    for name in names.annotate(count=Count("pk"), oldest=Min("pk")).filter(count__gt=1):
        same = live.filter(
            organization_id=name["organization_id"], name_key=name["name_key"]
        )
        same.filter(pk__gt=name["oldest"]).update(namesake=F("public_id"))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0013_name_key")]

    operations = [
        migrations.RunPython(fold_names, migrations.RunPython.noop),
        migrations.RunPython(tell_namesakes_apart, migrations.RunPython.noop),
    ]
