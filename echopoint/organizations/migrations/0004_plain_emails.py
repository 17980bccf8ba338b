"""Write the addresses that there are in their one spelling, by which people are found.

Where two become one, the account that has the spelling keeps it. The other keeps its own,
by which nobody is found: it does not sign in until an operator gives it another address.
"""

import logging
import unicodedata

from django.db import migrations

logger = logging.getLogger("echopoint.organizations")


def plain(email):
    lower = unicodedata.normalize("NFKC", email).lower()
    return unicodedata.normalize("NFKC", lower)


def write_plain(apps, schema_editor):
    users = apps.get_model("organizations", "User").objects
    users = users.using(schema_editor.connection.alias)
    for pk, email in users.order_by("created_at", "pk").values_list("pk", "email"):
        if plain(email) == email:
            continue
        holder = users.filter(email=plain(email)).first()
        if holder is None:
            users.filter(pk=pk).update(email=plain(email))
        else:
            logger.warning(
                "The address of %s is the one of %s in another spelling. %s does not"
                " sign in until it has another address: change it in the console.",
                pk,
                holder.pk,
                pk,
            )


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0003_visible_names'),
    ]

    operations = [
        migrations.RunPython(write_plain, migrations.RunPython.noop, elidable=True),
    ]
