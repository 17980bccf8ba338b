"""Every table of tenants finds its rows by the organization, so that it can be distributed."""

from django.apps import apps
from django.db import models

# Indexes of tables with an organization that begin with another column, and why.
OTHER_INDEXES = {
    "api_key_family": "the keys of one rotation",
    "execution_of_flow": "the executions of one flow",
    "execution_completed_by": "the executions that one key completed",
    "api_key_one_live_successor": "one successor for each key",
    "notice_delivery_queue": "what is due, of whichever organization",
    # Of foreign keys and unique columns: one row, or the rows of one parent.
    "organizations_membership.user_id": "the organizations of one person",
    "apikeys_apikey.public_id": "the key of a request, which names no organization",
    "apikeys_apikey.rotated_from_id": "the successor of one key",
    "environments_variableset.flow_id": "the variables of one flow",
    "executions_runnerjob.execution_id": "the job of one execution",
    "executions_runnerjob.claimed_by_key_id": "the jobs that one key claimed",
    "executions_execution.launched_by_key_id": "the executions that one key launched",
    "executions_execution.launched_by_id": "the executions that one person launched",
}
# Tables of tenants without the column, and the table through which they have one.
BY_PARENT = {
    "apikeys_refusal": "apikeys_apikey",
    "apikeys_keyplace": "apikeys_apikey",
    "apikeys_keyusage": "apikeys_apikey",
    "apikeys_spentnonce": "apikeys_apikey",
    "flows_flowtag": "flows_flow",
    "webhooks_capturedrequest": "webhooks_webhook",
    "collections_folder": "collections_collection",
    "collections_savedrequest": "collections_collection",
    "environments_variable": "environments_variableset",
    "executions_jobevent": "executions_runnerjob",
    "executions_noderesult": "executions_execution",
    "notices_noticerecipient": "notices_expirynotice",
    "notices_contactnotice": "notices_expirynotice",
}
# Tables that belong to no organization; every machine needs them.
GLOBAL = {
    "apikeys_contactaddress": "unverified addresses, which get one mail for all organizations",
    "apikeys_installationchain": "the installation's own audit",
    "apikeys_installationevent": "the installation's own audit",
    "apikeys_pepperfingerprint": "secrets of the installation",
    "apikeys_scoperecording": "since when the installation records uses of scopes",
    "apikeys_warningrecording": "since when the installation records warnings",
    "mail_mailmessage": "mail to people",
    "notices_noticedigest": "mail to people",
    "notices_contactdigest": "mail to contacts, of keys of several organizations",
    "organizations_organization": "the organizations themselves",
    "organizations_user": "people, who may be in several organizations",
}


def tables():
    """Return our models by table."""
    ours = ("apikeys", "echopoint.")
    return {
        model._meta.db_table: model
        for model in apps.get_models()
        if model._meta.app_config.name.startswith(ours)
    }


def columns(model):
    return {field.column for field in model._meta.local_concrete_fields}


def leading_columns(model):
    """Yield (name, first column) of each index except the primary key."""
    meta = model._meta
    for index in [*meta.indexes, *meta.constraints]:
        if isinstance(index, models.Index | models.UniqueConstraint):
            yield index.name, first_column(meta, index)
    for field in meta.local_concrete_fields:
        if (field.unique or field.db_index) and not field.primary_key:
            yield f"{meta.db_table}.{field.column}", field.column


def first_column(meta, index):
    if index.fields:
        return meta.get_field(index.fields[0].lstrip("-")).column
    first = index.expressions[0]
    assert isinstance(first, models.F), f"{index.name} begins with an expression"
    return meta.get_field(first.name).column


def test_an_index_of_a_tenants_table_begins_with_the_organization():
    others = {
        name
        for model in tables().values()
        if "organization_id" in columns(model)
        for name, column in leading_columns(model)
        if column != "organization_id"
    }

    assert others == set(OTHER_INDEXES)


def test_a_table_without_an_organization_has_a_reason():
    without = {
        table
        for table, model in tables().items()
        if "organization_id" not in columns(model)
    }

    assert without == BY_PARENT.keys() | GLOBAL.keys()


def test_rows_without_the_column_belong_to_a_row_that_has_it():
    ours = tables()
    for table, parent in BY_PARENT.items():
        related = {
            field.related_model._meta.db_table
            for field in ours[table]._meta.local_concrete_fields
            if field.related_model
        }
        assert parent in related, table
        assert "organization_id" in columns(ours[parent]), parent


def test_a_list_of_rows_has_an_index_by_its_organization():
    for table, model in tables().items():
        if (
            "organization_id" in columns(model)
            and model._meta.pk.column != "organization_id"
        ):
            led = {column for _, column in leading_columns(model)}
            assert "organization_id" in led, table
