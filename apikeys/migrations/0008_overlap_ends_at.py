"""The end of the overlap that was chosen, so that retiring can be undone until then.

Rebuilds the table of keys on SQLite, which has no triggers; new choices of an audit
event's action change no table.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0007_key_places'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='overlap_ends_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('overlap_ends_at', None), models.Q(('retire_at__isnull', False), ('retire_at__lte', models.F('overlap_ends_at'))), _connector='OR'), name='api_key_retires_within_overlap'),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('policy.updated', 'Policy updated'), ('audit.exported', 'Audit exported')], max_length=40),
        ),
    ]
