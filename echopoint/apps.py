from django.apps import AppConfig
from django.conf import settings

from echopoint.core.metrics import metrics


class EchopointConfig(AppConfig):
    name = "echopoint"

    def ready(self):
        from echopoint import checks  # noqa: F401, registers the system checks

        if settings.METRICS_TOKEN:
            metrics.start()
