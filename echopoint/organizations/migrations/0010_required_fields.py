"""The policy may require a description, and an owner or a contact, of each key."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0009_access_reviews'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='require_contact',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether each key must have an owner or a contact.'),
        ),
        migrations.AddField(
            model_name='organization',
            name='require_description',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether each key must have a description.'),
        ),
    ]
