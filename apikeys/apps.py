from django.apps import AppConfig
from django.db.models.signals import post_migrate

from echopoint.core.trail import trail


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = "API keys"

    def ready(self):
        from apikeys import checks  # noqa: F401, they register themselves
        from apikeys.audit import sign_ins  # noqa: F401, likewise
        from apikeys.audit.people import People
        from apikeys.models.pepper import record_configured_peppers

        trail.register(People())
        post_migrate.connect(record_configured_peppers, sender=self)
