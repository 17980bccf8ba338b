"""Keys of commands, and of people without an account, get an index each."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex

COLUMNS = ["organization", "created_by", "created_at", "id"]
LABEL_OF_PERSON = models.Q(created_by_label__contains="@")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0020_audit_indexes_by_time")]

    operations = [
        AddIndex(
            "apikey",
            models.Index(
                fields=COLUMNS,
                condition=models.Q(created_by=None) & LABEL_OF_PERSON,
                name="api_key_by_deleted_person",
            ),
        ),
        AddIndex(
            "apikey",
            models.Index(
                fields=COLUMNS,
                condition=models.Q(created_by=None) & ~LABEL_OF_PERSON,
                name="api_key_by_command",
            ),
        ),
    ]
