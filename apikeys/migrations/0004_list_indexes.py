"""Indexes for the list of keys and the audit; none rebuilds a table, so triggers stay."""

import django.db.models.functions.comparison
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0003_key_usage'),
        ('organizations', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), models.F('created_at'), models.F('id'), condition=models.Q(('revoked_at', None)), name='api_key_live_created'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), django.db.models.functions.text.Lower('name'), models.F('id'), condition=models.Q(('revoked_at', None)), name='api_key_live_name'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), django.db.models.functions.comparison.Coalesce('retire_at', 'expires_at'), models.F('id'), condition=models.Q(('revoked_at', None)), name='api_key_live_ends'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), models.F('last_used_at'), models.F('id'), condition=models.Q(('revoked_at', None)), name='api_key_live_used'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(models.F('organization'), django.db.models.functions.comparison.Coalesce('last_used_at', 'created_at'), models.F('id'), condition=models.Q(('revoked_at', None)), name='api_key_live_idle'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('revoked_at__isnull', False)), fields=['organization', 'created_at', 'id'], name='api_key_revoked'),
        ),
        migrations.AddIndex(
            model_name='apikey',
            index=models.Index(condition=models.Q(('retire_at__isnull', False), ('revoked_at', None)), fields=['organization', 'retire_at'], name='api_key_retired'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['organization', 'action', 'sequence'], name='audit_event_by_action'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['organization', 'actor_id', 'sequence'], name='audit_event_by_actor'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['organization', 'at'], name='audit_event_by_time'),
        ),
    ]
