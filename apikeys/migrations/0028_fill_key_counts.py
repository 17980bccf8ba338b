"""Count the keys of each organization for the first time, while keys are issued and revoked."""

from django.db import migrations, transaction

from echopoint.core.migrating import RunWithoutModels

# Issuing or revoking a key of the organization locks this row too, so the count that follows
# misses no committed key.
LOCK = """
    INSERT INTO apikeys_keycount AS c (organization_id, unrevoked, version)
    VALUES (%s, 0, 0) ON CONFLICT (organization_id) DO UPDATE SET version = c.version + 1
"""
COUNT = """
    UPDATE apikeys_keycount SET unrevoked = (
        SELECT count(*) FROM apikeys_apikey
        WHERE organization_id = %s AND revoked_at IS NULL
    ) WHERE organization_id = %s
"""


def fill(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM organizations_organization ORDER BY id")
        for (organization,) in cursor.fetchall():
            with transaction.atomic(connection.alias):
                cursor.execute(LOCK, [organization])
                cursor.execute(COUNT, [organization, organization])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0027_key_counts")]

    operations = [RunWithoutModels(fill, RunWithoutModels.noop)]
