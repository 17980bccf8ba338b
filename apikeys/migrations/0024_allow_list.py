"""Keys get a list of the networks from which they may be used."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex

COLUMNS = ["organization", "created_at", "id"]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0023_fill_audit_labels")]

    operations = [
        migrations.AddField(
            "apikey",
            "allow_list",
            models.TextField(blank=True, editable=False, null=True),
        ),
        AddIndex(
            "apikey",
            models.Index(
                fields=COLUMNS,
                condition=models.Q(allow_list__isnull=False),
                name="api_key_restricted",
            ),
        ),
        AddIndex(
            "apikey",
            models.Index(
                fields=COLUMNS,
                condition=models.Q(allow_list__isnull=True),
                name="api_key_unrestricted",
            ),
        ),
    ]
