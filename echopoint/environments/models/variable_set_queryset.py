"""Find and lock the set of variables of an organization or a flow."""

import uuid

from echopoint.core.locks import for_change
from echopoint.organizations.models import OrgOwnedQuerySet

# Ids are derived from the owner (UUIDv5), so that a set has the same id before and after
# its row is inserted. Changing this constant would change all ids.
SET_NAMESPACE = uuid.UUID("b0a3a2f4-52f5-4a55-8f4e-6f2f5a1c7d92")


class VariableSetQuerySet(OrgOwnedQuerySet):
    """Sets of variables: each organization has one, and each flow."""

    def for_owner(self, organization, flow=None):
        """Return the owner's set; an unsaved one if it has no variables yet."""
        row = self.for_org(organization).filter(flow=flow).first()
        return row or self.unsaved(organization, flow)

    def unsaved(self, organization, flow):
        """Return an empty, unsaved set; its timestamps are those of its owner."""
        at = (flow or organization).created_at
        variable_set = self.model(organization=organization, flow=flow)
        variable_set.created_at = variable_set.updated_at = at
        variable_set.pk = uuid.uuid5(SET_NAMESPACE, str(variable_set.owner_id))
        return variable_set

    def lock(self, organization, flow=None):
        """Lock and return the owner's set; needs a transaction.

        All changes of the set and its environments take this lock. Without it, concurrent
        changes could each find room under the limits, or both create the same variable.
        """
        rows = for_change(self.for_org(organization).filter(flow=flow))
        if row := rows.first():
            return row
        # If two requests create the set at the same time, one inserts it and the other
        # blocks here until it commits.
        self.bulk_create([self.unsaved(organization, flow)], ignore_conflicts=True)
        return rows.get()
