"""Tags get their one spelling; two of a flow that become one by it are one."""

from django.db import migrations

from echopoint.flows.models import as_tag

BATCH = 2000
LENGTH = 64


def respell(apps, schema_editor):
    tags = apps.get_model("flows", "FlowTag").objects
    tags = tags.using(schema_editor.connection.alias)
    last = 0
    while batch := list(tags.filter(pk__gt=last).order_by("pk")[:BATCH]):
        for tag in batch:
            spelled = as_tag(tag.name)[:LENGTH]
            if spelled == tag.name:
                continue
            if tags.filter(flow_id=tag.flow_id, name=spelled).exists():
                tag.delete()
            else:
                tags.filter(pk=tag.pk).update(name=spelled)
        last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = [("flows", "0002_flow_last_run_status")]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
