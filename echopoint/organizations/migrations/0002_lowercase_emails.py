from django.db import migrations
from django.db.models.functions import Lower


def lower(apps, schema_editor):
    users = apps.get_model("organizations", "User").objects
    users.using(schema_editor.connection.alias).update(email=Lower("email"))


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(lower, migrations.RunPython.noop, elidable=True),
    ]
