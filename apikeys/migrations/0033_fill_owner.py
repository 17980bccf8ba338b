"""Make the creator of each existing key its owner, if they are a member.

In batches with a transaction each, so that no row is locked for long. Keys whose creator has
left have no owner.
"""

from django.db import migrations
from django.db.models import Exists, F, OuterRef

BATCH = 5000


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    keys = apps.get_model("apikeys", "ApiKey").objects.using(alias)
    members = apps.get_model("organizations", "Membership").objects.using(alias)
    is_member = Exists(
        members.filter(
            organization=OuterRef("organization"), user=OuterRef("created_by")
        )
    )
    last = 0
    while ids := list(
        keys.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        batch = keys.filter(pk__gt=last, pk__lte=ids[-1], owner=None)
        batch.filter(is_member).update(owner=F("created_by"))
        last = ids[-1]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0032_owner_and_contact")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
