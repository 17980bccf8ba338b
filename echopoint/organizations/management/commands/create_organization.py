from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from echopoint.core.commands import AnsweringCommand
from echopoint.organizations.models import Organization, User


class Command(AnsweringCommand):
    help = "Create an organization with its owner."

    def add_arguments(self, parser):
        parser.add_argument("--name", required=True, help="display name")
        parser.add_argument(
            "--owner",
            required=True,
            metavar="EMAIL",
            help="e-mail of the owner; a new account is created without a password",
        )

    def handle(self, *, name, owner, **options):
        try:
            organization, user, created = self.create(name, owner)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        set_password = f"manage.py changepassword {user.email}"
        lines = [f"Organization {organization.pk} ({name}), owned by {user.email}."]
        if created:
            lines.append(
                f"{user.email} has no password yet. Set one with: {set_password}"
            )
        fields = {
            "id": organization.pk,
            "name": organization.name,
            "description": organization.description or None,
            "user": {"id": user.pk, "email": user.email, "created": created},
            "set_password": set_password if created else None,
        }
        self.answer(options, fields, *lines)

    @transaction.atomic
    def create(self, name, email):
        user = User.objects.filter(email=User.objects.normalize_email(email)).first()
        created = user is None
        if created:
            user = User.objects.create_user(email)
        return Organization.objects.create_with_owner(name, user), user, created
