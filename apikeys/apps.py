from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = "API keys"

    def ready(self):
        from apikeys import checks  # noqa: F401, registers the system checks
        from apikeys.models.pepper import record_configured_peppers

        post_migrate.connect(record_configured_peppers, sender=self)
