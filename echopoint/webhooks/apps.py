from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "echopoint.webhooks"
    verbose_name = "Webhooks"
