import json
import secrets
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.models import ApiKey
from apikeys.scopes import PRESETS
from echopoint.core.commands import AnsweringCommand
from echopoint.core.refusals import Refused
from echopoint.demo.content import create_content, set_variables
from echopoint.organizations.models import Organization, User

EMAIL = "demo@echopoint.example"
ORGANIZATION = "Demo organization"
KEY = "Demo pipeline"
EXPIRING, TIME_LEFT = "Demo report", timedelta(days=5, hours=1)


class Command(AnsweringCommand):
    help = "Create the demo organization, or reuse the existing one. Safe to repeat."
    checks_database = True

    def add_arguments(self, parser):
        parser.add_argument(
            "--remember",
            type=Path,
            default=settings.BASE_DIR / ".demo.json",
            metavar="FILE",
            help="file in which the demo stores its password and key for the next run",
        )

    def handle(self, *, remember, **options):
        stored = self.load(remember)
        with transaction.atomic():
            user = self.user()
            organization = self.organization(user)
            previous = stored.get(organization.pk, {})
            password = self.password(user, previous.get("password"))
            secret = self.secret(organization, previous.get("secret"))
            self.expiring_key(organization)
            set_variables(organization, self.url)
        fields = {
            "url": self.url,
            "email": user.email,
            "password": password,
            "organization_id": organization.pk,
            "secret": secret,
        }
        # By organization id, so that demos in several databases do not overwrite each other.
        self.save(remember, stored | {organization.pk: fields})
        self.answer(options, fields, *self.lines(fields))

    @property
    def url(self):
        return f"http://localhost:{settings.PORT}"

    def lines(self, fields):
        return [
            f"Echopoint, with a demo organization, at {fields['url']}",
            f"  sign in   {fields['email']}   password {fields['password']}",
            f"  ORG={fields['organization_id']}",
            f"  KEY={fields['secret']}",
            f'  curl -si {fields["url"]}/flows -H "X-Api-Key: {fields["secret"]}"'
            f' -H "X-Organization-Id: {fields["organization_id"]}"',
            "  Run its flows, in another terminal:",
            f"  export ECHOPOINT_API_URL={fields['url']}"
            f" ECHOPOINT_ORGANIZATION_ID={fields['organization_id']}"
            f" ECHOPOINT_API_KEY={fields['secret']}",
            "  .venv/bin/echopoint flows run --tag smoke",
            f"  API documentation at {fields['url']}/docs/. Stop with Ctrl-C.",
        ]

    def user(self):
        user = User.objects.filter(email=EMAIL).first()
        return user or User.objects.create_user(EMAIL, name="Demo owner")

    def password(self, user, password):
        """Return the given password if it is valid, or set a new one."""
        if password and user.check_password(password):
            return password
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
        return password

    def organization(self, user):
        membership = user.memberships.filter(organization__name=ORGANIZATION).first()
        if membership:
            return membership.organization
        organization = Organization.objects.create_with_owner(ORGANIZATION, user)
        create_content(organization)
        return organization

    def secret(self, organization, secret):
        """Return the given secret if its key works, or issue a new `ci` key."""
        if secret and self.works(secret, organization):
            return secret
        actor = Actor.command("demo")
        for key in ApiKey.objects.for_org(organization).unrevoked().filter(name=KEY):
            key.revoke(by=actor, reason="The demo lost its secret.")
        _, secret = ApiKey.objects.issue(
            organization=organization,
            name=KEY,
            scopes=list(PRESETS["ci"].scopes),
            by=actor,
        )
        return secret

    def expiring_key(self, organization):
        """Issue a key that expires in a few days, to show how people are warned.

        Backdated: a key that was just issued gets no notice for thresholds already passed.
        """
        named = ApiKey.objects.for_org(organization).unrevoked().filter(name=EXPIRING)
        if named.usable().exists():
            return
        actor = Actor.command("demo")
        named.revoke(by=actor, reason="The demo issues another.")
        lifetime = timedelta(days=organization.default_lifetime_days)
        ApiKey.objects.issue(
            organization=organization,
            name=EXPIRING,
            scopes=["flows:read"],
            by=actor,
            at=timezone.now() + min(TIME_LEFT, lifetime) - lifetime,
        )

    def works(self, secret, organization):
        try:
            ApiKey.objects.authenticate(
                secret, organization_id=organization.pk, ip=None
            )
        except Refused:
            return False
        return True

    def load(self, path):
        """Return the stored values as {organization id: fields}."""
        try:
            stored = json.loads(path.read_text())
        except (OSError, ValueError):
            return {}
        # Ignore a file of another format.
        return {k: v for k, v in stored.items() if isinstance(v, dict)}

    def save(self, path, fields):
        """Write the file, readable only by its owner: it contains secrets."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(fields))
