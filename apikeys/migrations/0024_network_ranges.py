"""Organizations name ranges of networks; the audit gets the events of lists and ranges."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import echopoint.core.fields

ACTIONS = [
    ("api_key.created", "Created"),
    ("api_key.secret_displayed", "Secret displayed"),
    ("api_key.rotated", "Rotated"),
    ("api_key.rotation_cancelled", "Rotation cancelled"),
    ("api_key.retired", "Retired"),
    ("api_key.unretired", "Retirement undone"),
    ("api_key.suspended", "Suspended"),
    ("api_key.resumed", "Resumed"),
    ("api_key.revoked", "Revoked"),
    ("api_key.rate_limit_changed", "Rate limit changed"),
    ("api_key.networks_changed", "Allowed addresses changed"),
    ("api_key.first_used", "First used"),
    ("api_key.retired_used", "Used after it retired"),
    ("api_key.renamed", "Renamed"),
    ("policy.updated", "Policy updated"),
    ("network_range.created", "Address range created"),
    ("network_range.changed", "Address range changed"),
    ("network_range.deleted", "Address range deleted"),
    ("audit.exported", "Audit exported"),
    ("audit.pruned", "Old events deleted"),
    ("organization.created", "Organization created"),
    ("organization.changed", "Organization changed"),
    ("membership.added", "Member added"),
    ("membership.removed", "Member removed"),
    ("membership.role_changed", "Role changed"),
    ("person.signed_in", "Signed in"),
    ("person.sign_in_failed", "Sign-in failed"),
    ("person.password_changed", "Password changed"),
    ("person.password_reset", "Password reset"),
    ("person.second_factor_added", "Second factor added"),
    ("person.second_factor_removed", "Second factor removed"),
    ("person.recovery_codes_made", "Recovery codes generated"),
    ("variable.written", "Variable written"),
    ("variable.deleted", "Variable deleted"),
    ("variable.all_deleted", "All variables deleted"),
    ("environment.created", "Environment created"),
    ("environment.deleted", "Environment deleted"),
    ("console.added", "Added in the console"),
    ("console.changed", "Changed in the console"),
    ("console.deleted", "Deleted in the console"),
]


class Migration(migrations.Migration):

    dependencies = [
        ("apikeys", "0023_allow_list"),
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
        migrations.AlterField(
            "auditevent", "action", models.CharField(choices=ACTIONS, max_length=40)
        ),
        migrations.AlterField(
            "installationevent", "action", models.CharField(choices=ACTIONS, max_length=40)
        ),
    ]
