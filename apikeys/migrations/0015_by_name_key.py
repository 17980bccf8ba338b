"""Names are held, sorted and searched by what they fold to. No table is rebuilt."""

from django.db import migrations, models

from echopoint.core.migrating import RunWithoutModels

# Of PostgreSQL alone: for text within names, by the organization first.
TEXT_INDEX = (
    "CREATE INDEX api_key_name_text ON apikeys_apikey USING gin"
    " (organization_id, {} gin_trgm_ops)"
)
BEFORE, AFTER = TEXT_INDEX.format("upper(name::text)"), TEXT_INDEX.format("name_key")


def index_text(statement):
    """Return a migration step that puts this index in the place of the other."""

    def step(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute("DROP INDEX api_key_name_text")
            schema_editor.execute(statement)

    return step


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0014_fill_name_key'),
    ]

    operations = [
        RunWithoutModels(index_text(AFTER), index_text(BEFORE)),
        migrations.RemoveConstraint(
            model_name='apikey',
            name='api_key_name_unique',
        ),
        migrations.RemoveIndex(
            model_name='apikey',
            name='api_key_live_name',
        ),
        migrations.RemoveIndex(
            model_name='apikey',
            name='api_key_revoked_name',
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), models.F('name_key'), models.F('id'), condition=models.Q(('revoked_at', None)), name='api_key_live_name'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), models.F('name_key'), models.F('id'), condition=models.Q(('revoked_at__isnull', False)), name='api_key_revoked_name'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.UniqueConstraint(condition=models.Q(('retire_at', None), ('revoked_at', None)), fields=('organization', 'name_key', 'namesake'), name='api_key_name_unique'),
        ),
    ]
