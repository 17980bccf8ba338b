"""Add the owner of a key (a member) and its contact (an address without an account)."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from echopoint.core.migrating import AddForeignKey, AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("apikeys", "0031_idle_scopes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddForeignKey(
            "apikey",
            "owner",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "apikey",
            "contact_email",
            models.EmailField(blank=True, db_default="", default="", max_length=254),
        ),
        AddIndex(
            "apikey",
            models.Index(
                fields=["organization", "owner", "created_at", "id"],
                name="api_key_owner",
            ),
        ),
        AddIndex(
            "apikey",
            models.Index(
                condition=models.Q(
                    models.Q(("contact_email", ""), _negated=True),
                    ("revoked_at", None),
                ),
                fields=["organization", "contact_email", "id"],
                name="api_key_contact",
            ),
        ),
    ]
