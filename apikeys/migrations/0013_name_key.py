"""What names fold to gets a column; the next migration fills it. No trigger is lost."""

import echopoint.core.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0012_audit_text_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='name_key',
            field=echopoint.core.fields.FoldedField(default='', max_length=400, of='name'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='apikey',
            name='namesake',
            field=models.CharField(blank=True, default='', editable=False, max_length=12),
            preserve_default=False,
        ),
    ]
