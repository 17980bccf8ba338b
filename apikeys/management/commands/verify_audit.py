from apikeys.models import AuditEvent
from echopoint.organizations.commands import AnsweringCommand, organization_named
from echopoint.organizations.models import Organization


class Command(AnsweringCommand):
    help = "Walk every organization's audit chain, and name the first broken link."

    def add_arguments(self, parser):
        parser.add_argument("--organization", metavar="ID", help="only this one")

    def handle(self, *, organization, **options):
        if organization:
            chosen = [organization_named(organization)]
        else:
            chosen = Organization.objects.order_by("pk")
        chains = [self.verify(organization) for organization in chosen]
        intact = all(chain["intact"] for chain in chains)
        fields = {"intact": intact, "organizations": chains}
        self.answer(options, fields, *map(self.line, chains))
        if not intact:
            raise SystemExit(1)

    def verify(self, organization):
        broken = AuditEvent.objects.verify(organization)
        return {
            "organization_id": organization.pk,
            "events": AuditEvent.objects.for_org(organization).count(),
            "intact": broken is None,
            "broken": broken and broken._asdict(),
        }

    def line(self, chain):
        start = f"{chain['organization_id']}: {chain['events']} events, "
        if chain["intact"]:
            return start + "intact."
        broken = chain["broken"]
        return start + f"BROKEN: event {broken['sequence']} {broken['reason']}."
