"""Organizations name ranges of networks."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import echopoint.core.fields


class Migration(migrations.Migration):

    dependencies = [
        ("apikeys", "0024_allow_list"),
        ("organizations", "0005_policy_limits"),
    ]

    operations = [
        migrations.CreateModel(
            "NetworkRange",
            [
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("name_key", echopoint.core.fields.FoldedField(max_length=240, of="name")),
                ("networks", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="network_ranges",
                        to="organizations.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name_key"),
                        name="network_range_name_unique",
                    )
                ],
            },
        ),
    ]
