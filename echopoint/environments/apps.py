from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "echopoint.environments"
    verbose_name = "Environments"

    def ready(self):
        from echopoint.environments import checks  # noqa: F401, registers the system checks
        from echopoint.flows.models import (
            collecting_input_names,  # models are loaded only now
        )

        collecting_input_names.connect(self.variable_keys)

    def variable_keys(self, flow, **options):
        """Return the keys that the flow could have values for."""
        from echopoint.environments.resolve import variable_keys  # it needs the models

        return variable_keys(flow)
