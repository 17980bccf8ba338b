from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "echopoint.api"
    verbose_name = "REST API"

    def ready(self):
        from echopoint.api import checks  # noqa: F401, registers the system checks
