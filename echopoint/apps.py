from django.apps import AppConfig


class EchopointConfig(AppConfig):
    name = "echopoint"

    def ready(self):
        from echopoint import checks  # noqa: F401, registers the system checks
