"""Indexes for filters that leave few keys of many, and for orders of revoked ones.

A use of a key writes each of its indexes, as the time of it is in some; so those that
others begin like are dropped for the new ones. No table with triggers is rebuilt.
"""

import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0004_list_indexes'),
        ('organizations', '0002_lowercase_emails'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='apikey',
            name='api_key_list',
        ),
        migrations.RemoveIndex(
            model_name='apikey',
            name='api_key_expiring',
        ),
        migrations.RemoveIndex(
            model_name='apikey',
            name='api_key_revoked',
        ),
        migrations.AlterField(
            model_name='apikey',
            name='created_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='apikey',
            name='organization',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='organizations.organization'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), models.F('created_at'), models.F('id'), condition=models.Q(('revoked_at__isnull', False)), name='api_key_revoked_created'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), django.db.models.functions.text.Lower('name'), models.F('id'), condition=models.Q(('revoked_at__isnull', False)), name='api_key_revoked_name'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), django.db.models.functions.comparison.Coalesce('retire_at', 'expires_at'), models.F('id'), condition=models.Q(('revoked_at__isnull', False)), name='api_key_revoked_ends'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), models.F('last_used_at'), models.F('id'), condition=models.Q(('revoked_at__isnull', False)), name='api_key_revoked_used'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('retire_at', None), ('revoked_at', None)), fields=['organization', 'expires_at', 'id'], name='api_key_expires'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('revoked_at', None), ('suspended_at__isnull', False)), fields=['organization', 'suspended_at'], name='api_key_suspended'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('preset', ''), _negated=True), fields=['organization', 'preset', 'created_at', 'id'], name='api_key_preset'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(fields=['created_by', 'organization', 'created_at', 'id'], name='api_key_creator'),
        ),
        migrations.AddIndex(
            model_name='refusal',
            index=models.Index(fields=['reason', 'minute', 'key'], name='refusal_by_reason'),
        ),
    ]
