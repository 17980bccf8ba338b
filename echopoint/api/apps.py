from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "echopoint.api"
    verbose_name = "REST API"

    def ready(self):
        from apikeys import api_operations
        from echopoint.api import checks  # noqa: F401, registers the system checks
        from echopoint.api.operations import operations

        api_operations.register(operations)
