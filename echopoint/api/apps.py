from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "echopoint.api"
    verbose_name = "REST API"
