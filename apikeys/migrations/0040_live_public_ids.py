"""An index for the API's searches of keys in the order of their ids."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0039_description_and_required_fields")]

    operations = [
        AddIndex(
            "apikey",
            models.Index(
                condition=models.Q(("revoked_at", None)),
                fields=["organization", "public_id", "id"],
                name="api_key_live_public_id",
            ),
        ),
    ]
