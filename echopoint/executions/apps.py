from django.apps import AppConfig

from apikeys import runs


class ExecutionsConfig(AppConfig):
    name = "echopoint.executions"
    verbose_name = "Executions"

    def ready(self):
        runs.register(self.last_run)

    def last_run(self, key):
        """Return the last execution that the key published, for the key's page."""
        execution = self.get_model("Execution").objects.last_published_with(key)
        return execution and runs.Run(
            execution.flow_name, execution.status, execution.published_at
        )
