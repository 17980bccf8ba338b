"""Uses of scopes: one row per key and scope, and the time since which they are recorded."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("apikeys", "0029_audit_actions"),
        ("organizations", "0007_leak_action"),
    ]

    operations = [
        migrations.CreateModel(
            "ScopeRecording",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            "ScopeUse",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=40)),
                ("last_used_at", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scope_uses",
                        to="apikeys.apikey",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "key", "scope"),
                        name="scope_use_unique",
                    )
                ],
            },
        ),
        migrations.AddField(
            "apikey",
            "scopes_used_since",
            models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
