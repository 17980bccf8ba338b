"""A page is rendered while it may read the replica."""

from types import SimpleNamespace

from django.db import OperationalError

from apikeys.views.base import ReplicaPageMixin
from echopoint.core.replica.reads import ReplicaReads
from echopoint.core.replica.servers import PRIMARY, REPLICA


class Plain(ReplicaReads):
    """A view whose template reads rows, which the replica refuses."""

    def replica_subjects(self):
        return []

    def get(self, request):
        return SimpleNamespace(render=self.render)

    def render(self):
        if self.database == REPLICA:
            raise OperationalError("closed")
        return f"read from {self.database}"


class Page(ReplicaPageMixin, Plain):
    """The same as a page."""


def test_a_template_whose_read_fails_is_rendered_again(replica):
    assert Page().get(None) == f"read from {PRIMARY}"
