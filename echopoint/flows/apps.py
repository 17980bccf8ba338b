from django.apps import AppConfig


class FlowsConfig(AppConfig):
    name = "echopoint.flows"
    verbose_name = "Flows"
