"""Recipients of expiry notices."""

from typing import NamedTuple

from echopoint.notices.models.choice import MANAGES_KEYS, NoticeChoice, effective

Emails = NoticeChoice.Emails


class Audience(NamedTuple):
    """The members of an organization by what they want; each a set of user ids."""

    own: frozenset  # their own keys, or all
    all: frozenset
    managers: frozenset  # owners and admins who want any e-mail
    members: frozenset  # including those who turned e-mails off

    @classmethod
    def of(cls, organization):
        """Read the members, without those whose account is switched off."""
        members = list(organization.memberships.filter(user__is_active=True))
        choices = NoticeChoice.objects.for_org(organization)
        stored = dict(choices.values_list("user", "emails"))
        wants = {m: effective(stored.get(m.user_id, Emails.OWN), m) for m in members}
        wants = {m: emails for m, emails in wants.items() if emails != Emails.NONE}
        return cls(
            own=frozenset(m.user_id for m in wants),
            all=frozenset(m.user_id for m, e in wants.items() if e == Emails.ALL),
            managers=frozenset(
                m.user_id for m in wants if MANAGES_KEYS in m.permissions
            ),
            members=frozenset(m.user_id for m in members),
        )

    def of_key(self, key):
        """Return the user ids that get a notice about the key.

        Its owner and its creator do. Owners and admins of the organization do if the key
        has no owner, or if no other member gets it, because they left or turned e-mails off.
        """
        chosen = self.all | (self.own & {key.created_by_id, key.owner_id})
        if key.owner_id not in self.members:
            return chosen | self.managers
        return chosen or self.managers
