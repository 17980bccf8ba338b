"""The index of creators begins with the organization, whose creators it then lists."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("apikeys", "0009_pepper_fingerprint")]

    operations = [
        migrations.RemoveIndex(
            model_name="apikey",
            name="api_key_creator",
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                fields=["organization", "created_by", "created_at", "id"],
                name="api_key_creator",
            ),
        ),
    ]
