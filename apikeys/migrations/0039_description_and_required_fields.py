"""The action of changed descriptions, and indexes for keys without a description or owner."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('apikeys', '0034_audit_actions_and_contacts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.leak_reported', 'Reported as leaked'), ('api_key.rate_limit_changed', 'Rate limit changed'), ('api_key.networks_changed', 'Allowed addresses changed'), ('api_key.owner_changed', 'Owner changed'), ('api_key.contact_changed', 'Contact changed'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('api_key.description_changed', 'Description changed'), ('policy.updated', 'Policy updated'), ('network_range.created', 'Address range created'), ('network_range.changed', 'Address range changed'), ('network_range.deleted', 'Address range deleted'), ('notice_webhook.set', 'Webhook for notices set'), ('notice_webhook.secret_rotated', 'Secret of the webhook for notices rotated'), ('notice_webhook.tested', 'Webhook for notices tested'), ('notice_webhook.disabled', 'Webhook for notices disabled by its receiver'), ('notice_webhook.removed', 'Webhook for notices removed'), ('audit.exported', 'Audit exported'), ('audit.pruned', 'Old events deleted'), ('organization.created', 'Organization created'), ('organization.changed', 'Organization changed'), ('organization.frozen', 'All keys frozen'), ('organization.unfrozen', 'Freeze ended'), ('membership.added', 'Member added'), ('membership.removed', 'Member removed'), ('membership.role_changed', 'Role changed'), ('membership.notices_chosen', 'E-mail notices chosen'), ('membership.keys_handed_over', 'API keys handed over'), ('contact.mail_stopped', 'E-mails to a contact stopped'), ('contact.mail_resumed', 'E-mails to a contact resumed'), ('person.signed_in', 'Signed in'), ('person.sign_in_failed', 'Sign-in failed'), ('person.password_changed', 'Password changed'), ('person.password_reset', 'Password reset'), ('person.second_factor_added', 'Second factor added'), ('person.second_factor_removed', 'Second factor removed'), ('person.recovery_codes_made', 'Recovery codes generated'), ('variable.written', 'Variable written'), ('variable.deleted', 'Variable deleted'), ('variable.all_deleted', 'All variables deleted'), ('environment.created', 'Environment created'), ('environment.deleted', 'Environment deleted'), ('console.added', 'Added in the console'), ('console.changed', 'Changed in the console'), ('console.deleted', 'Deleted in the console')], max_length=40),
        ),
        migrations.AlterField(
            model_name='installationevent',
            name='action',
            field=models.CharField(choices=[('api_key.created', 'Created'), ('api_key.secret_displayed', 'Secret displayed'), ('api_key.rotated', 'Rotated'), ('api_key.rotation_cancelled', 'Rotation cancelled'), ('api_key.retired', 'Retired'), ('api_key.unretired', 'Retirement undone'), ('api_key.suspended', 'Suspended'), ('api_key.resumed', 'Resumed'), ('api_key.revoked', 'Revoked'), ('api_key.leak_reported', 'Reported as leaked'), ('api_key.rate_limit_changed', 'Rate limit changed'), ('api_key.networks_changed', 'Allowed addresses changed'), ('api_key.owner_changed', 'Owner changed'), ('api_key.contact_changed', 'Contact changed'), ('api_key.first_used', 'First used'), ('api_key.retired_used', 'Used after it retired'), ('api_key.renamed', 'Renamed'), ('api_key.description_changed', 'Description changed'), ('policy.updated', 'Policy updated'), ('network_range.created', 'Address range created'), ('network_range.changed', 'Address range changed'), ('network_range.deleted', 'Address range deleted'), ('notice_webhook.set', 'Webhook for notices set'), ('notice_webhook.secret_rotated', 'Secret of the webhook for notices rotated'), ('notice_webhook.tested', 'Webhook for notices tested'), ('notice_webhook.disabled', 'Webhook for notices disabled by its receiver'), ('notice_webhook.removed', 'Webhook for notices removed'), ('audit.exported', 'Audit exported'), ('audit.pruned', 'Old events deleted'), ('organization.created', 'Organization created'), ('organization.changed', 'Organization changed'), ('organization.frozen', 'All keys frozen'), ('organization.unfrozen', 'Freeze ended'), ('membership.added', 'Member added'), ('membership.removed', 'Member removed'), ('membership.role_changed', 'Role changed'), ('membership.notices_chosen', 'E-mail notices chosen'), ('membership.keys_handed_over', 'API keys handed over'), ('contact.mail_stopped', 'E-mails to a contact stopped'), ('contact.mail_resumed', 'E-mails to a contact resumed'), ('person.signed_in', 'Signed in'), ('person.sign_in_failed', 'Sign-in failed'), ('person.password_changed', 'Password changed'), ('person.password_reset', 'Password reset'), ('person.second_factor_added', 'Second factor added'), ('person.second_factor_removed', 'Second factor removed'), ('person.recovery_codes_made', 'Recovery codes generated'), ('variable.written', 'Variable written'), ('variable.deleted', 'Variable deleted'), ('variable.all_deleted', 'All variables deleted'), ('environment.created', 'Environment created'), ('environment.deleted', 'Environment deleted'), ('console.added', 'Added in the console'), ('console.changed', 'Changed in the console'), ('console.deleted', 'Deleted in the console')], max_length=40),
        ),
        AddIndex(
            'apikey',
            models.Index(condition=models.Q(('description', '')), fields=['organization', 'created_at', 'id'], name='api_key_undescribed'),
        ),
        AddIndex(
            'apikey',
            models.Index(condition=models.Q(('contact_email', ''), ('owner', None)), fields=['organization', 'created_at', 'id'], name='api_key_unowned'),
        ),
    ]
