"""Where keys are used; no table with triggers is rebuilt."""

import datetime

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0006_name_and_scope_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeyPlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='places', to='apikeys.apikey')),
                ('digest', models.CharField(max_length=32)),
                ('kind', models.CharField(choices=[('pipeline', 'Pipeline'), ('thing', 'Thing'), ('client', 'Client'), ('other', 'Other')], max_length=10)),
                ('name', models.CharField(max_length=400)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('requests', models.PositiveBigIntegerField(default=0)),
                ('longest_gap', models.DurationField(default=datetime.timedelta(0))),
                ('merged', models.PositiveIntegerField(default=0, help_text='How many older places were merged into this row.')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('key', 'digest'), name='key_place_unique')],
            },
        ),
    ]
