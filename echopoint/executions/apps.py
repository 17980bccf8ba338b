from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    name = "echopoint.executions"
    verbose_name = "Executions"
