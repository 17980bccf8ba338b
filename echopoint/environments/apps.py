from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "echopoint.environments"
    verbose_name = "Environments"

    def ready(self):
        from echopoint.environments import checks  # noqa: F401, registers the system checks
        from echopoint.flows.models import (
            collecting_input_names,  # models are loaded only now
        )

        collecting_input_names.connect(self.names_for)

    def names_for(self, flow, **options):
        """Return the keys of the variables that the flow could be launched with."""
        from echopoint.environments.resolve import names_for  # it needs the models

        return names_for(flow)
