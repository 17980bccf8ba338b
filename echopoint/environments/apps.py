from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "echopoint.environments"
    verbose_name = "Environments"

    def ready(self):
        from echopoint.environments import checks  # noqa: F401, registers the system checks
