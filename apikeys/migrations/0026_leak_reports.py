"""Keys remember when their secret was reported as leaked."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("apikeys", "0025_network_ranges")]

    operations = [
        migrations.AddField(
            "apikey",
            "leak_reported_at",
            models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
