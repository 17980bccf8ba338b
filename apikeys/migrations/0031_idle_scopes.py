"""Indexes for sorting the list of keys by their longest unused scope."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

from echopoint.core.migrating import AddIndex


def index(name, condition):
    since = Coalesce("scopes_used_since", "created_at")
    return models.Index("organization", since, "id", condition=condition, name=name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0030_scope_use")]

    operations = [
        AddIndex(
            "apikey",
            index("api_key_live_idle_scope", models.Q(revoked_at=None)),
        ),
        AddIndex(
            "apikey",
            index("api_key_revoked_idle_scope", models.Q(revoked_at__isnull=False)),
        ),
    ]
