"""Warnings about keys: one row per key and kind, and the time since which they are recorded."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("apikeys", "0036_audit_actions"),
        ("organizations", "0007_leak_action"),
    ]

    operations = [
        migrations.CreateModel(
            "WarningRecording",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("began_at", models.DateTimeField()),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            "KeyWarning",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("refused", "Refused request"), ("new-place", "Use from a new place")],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="warnings",
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
                "indexes": [
                    models.Index(
                        fields=["organization", "kind", "at", "key"],
                        name="key_warning_recent",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "key", "kind"),
                        name="key_warning_unique",
                    )
                ],
            },
        ),
    ]
