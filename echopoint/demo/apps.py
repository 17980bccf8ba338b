from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "echopoint.demo"
    verbose_name = "Demo"
