"""An administrator's day with Microsoft's own client for Python: nothing of it is changed but the address.

day.py URL CA TENANT CLIENT SECRET DN    (the source is called "ad"; DN: an object to be provisioned on demand)
Prints what it saw as one JSON document; whoever runs it judges. Trap: the client repeats what is answered with 429 by itself.
"""

import asyncio
import json
import os
import ssl
import sys
import time

url, ca, tenant, client, secret, dn = sys.argv[1:7]
os.environ["REQUESTS_CA_BUNDLE"] = ca

import httpx
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.application_templates.item.instantiate.instantiate_post_request_body import InstantiatePostRequestBody
from msgraph.generated.audit_logs.provisioning.provisioning_request_builder import ProvisioningRequestBuilder
from msgraph.generated.models.expression_input_object import ExpressionInputObject
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.string_key_object_value_pair import StringKeyObjectValuePair
from msgraph.generated.models.string_key_string_value_pair import StringKeyStringValuePair
from msgraph.generated.models.synchronization_job import SynchronizationJob
from msgraph.generated.models.synchronization_job_application_parameters import SynchronizationJobApplicationParameters
from msgraph.generated.models.synchronization_job_restart_criteria import SynchronizationJobRestartCriteria
from msgraph.generated.models.synchronization_job_restart_scope import SynchronizationJobRestartScope as Scope
from msgraph.generated.models.synchronization_job_subject import SynchronizationJobSubject
from msgraph.generated.models.synchronization_secret import SynchronizationSecret
from msgraph.generated.models.synchronization_secret_key_string_value_pair import SynchronizationSecretKeyStringValuePair as SecretPair
from msgraph.generated.service_principals.item.synchronization.jobs.item.provision_on_demand.provision_on_demand_post_request_body import (
    ProvisionOnDemandPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.restart.restart_post_request_body import RestartPostRequestBody
from msgraph.generated.service_principals.item.synchronization.jobs.item.schema.parse_expression.parse_expression_post_request_body import (
    ParseExpressionPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.validate_credentials.validate_credentials_post_request_body import (
    ValidateCredentialsPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.secrets.secrets_put_request_body import SecretsPutRequestBody
from msgraph_core import GraphClientFactory, PageIterator

AD = "1a4721b3-e57f-4451-ae87-ef078703ec94"
host = url.split("//")[1]
seen = {}


def graph(secret):
    credential = ClientSecretCredential(tenant, client, secret, authority=url, disable_instance_discovery=True)
    auth = AzureIdentityAuthenticationProvider(credential, scopes=[url + "/.default"], allowed_hosts=[host.split(":")[0], host])
    base = url + "/v1.0"
    http = httpx.AsyncClient(verify=ssl.create_default_context(cafile=ca), base_url=base, timeout=150)
    adapter = GraphRequestAdapter(auth, client=GraphClientFactory.create_with_default_middleware(client=http))
    adapter.base_url = base
    return GraphServiceClient(request_adapter=adapter), adapter


def query(**options):
    return RequestConfiguration(query_parameters=ProvisioningRequestBuilder.ProvisioningRequestBuilderGetQueryParameters(**options))


async def refused(work):
    try:
        await work
    except ODataError as error:
        return {"status": error.response_status_code, "code": error.error.code, "message": error.error.message,
                "request": error.error.inner_error.request_id}
    return None


def kind(step):
    # The client reads no value whose name is a word of Python, and "import" is one.
    return step.provisioning_step_type.value if step.provisioning_step_type else "import"


async def until(ask, holds, patience=120):
    begun = time.monotonic()
    while True:
        answer = await ask()
        if holds(answer):
            return answer
        if time.monotonic() - begun > patience:
            raise TimeoutError(repr(answer))
        await asyncio.sleep(0.2)


async def everything(adapter, page):
    all = []
    await PageIterator(page, adapter).iterate(lambda one: all.append(one) or True)
    return all


async def day():
    g, adapter = graph(secret)
    templates = await g.application_templates.get()
    seen["templates"] = [one.id for one in templates.value]
    made = await g.application_templates.by_application_template_id(AD).instantiate.post(InstantiatePostRequestBody(display_name="ad"))
    sp = g.service_principals.by_service_principal_id(made.service_principal.id)
    seen["principal"] = (await sp.get()).display_name

    jobs = sp.synchronization.jobs
    job = await jobs.post(SynchronizationJob(template_id="AD2AADProvisioning"))
    seen["job"] = job.id
    seen["created"] = [job.schedule.state.value, job.status.code.value, job.schedule.interval.total_seconds()]
    own = jobs.by_synchronization_job_id(job.id)

    settings = {"Enabled": False, "DeleteThresholdEnabled": True, "DeleteThresholdValue": 400}
    await sp.synchronization.secrets.put(SecretsPutRequestBody(value=[
        SecretPair(key=SynchronizationSecret.Domain, value=json.dumps({"domain": "canal.example"})),
        SecretPair(key=SynchronizationSecret.AppKey, value=json.dumps({"appKeyScenario": "AD2AADProvisioning"})),
        SecretPair(key=SynchronizationSecret.SyncNotificationSettings, value=json.dumps(settings)),
    ]))
    threshold = [one.value for one in (await own.get()).synchronization_job_settings if one.name == "QuarantineTooManyDeletesThreshold"]
    seen["threshold"] = threshold

    await own.validate_credentials.post(ValidateCredentialsPostRequestBody(use_saved_credentials=True))
    schema = await own.schema.get()
    seen["mappings"] = sorted(one.target_object_name for one in schema.synchronization_rules[0].object_mappings)
    seen["directories"] = len(schema.directories)
    functions = await own.schema.functions.get()
    seen["functions"] = len(functions.value)
    operators = await own.schema.filter_operators.get()
    seen["operators"] = [one.id for one in operators.value]
    given = ExpressionInputObject(properties=[StringKeyObjectValuePair(key="preferredLanguage", additional_data={"value": "EN-US"})])
    parsed = await own.schema.parse_expression.post(ParseExpressionPostRequestBody(
        expression='Replace([preferredLanguage], "-", , , "_", , )', test_input_object=given))
    seen["parsed"] = [parsed.parsing_succeeded, parsed.evaluation_succeeded, parsed.evaluation_result, parsed.parsed_expression.name]

    await own.start.post()
    await until(own.get, lambda one: one.status.steady_state_last_achieved_time is not None)
    running = await own.get()
    seen["running"] = [running.schedule.state.value, running.status.code.value, running.status.last_execution.state.value]
    seen["entries"] = {one.key: one.value for one in running.status.synchronized_entry_count_by_type}

    log = g.audit_logs.provisioning
    creates = "jobId eq '%s' and provisioningAction eq 'create' and provisioningStatusInfo/status eq 'success'" % job.id
    first = await log.get(query(filter=creates, top=7, count=True, orderby=["activityDateTime desc"]))
    records = await everything(adapter, first)
    seen["creates"] = [first.odata_count, len(first.value), len(records), len({one.id for one in records})]
    one = records[0]
    seen["record"] = {
        "job": one.job_id, "cycle": one.cycle_id, "change": one.change_id, "action": one.provisioning_action.value,
        "status": one.provisioning_status_info.status.value, "steps": [kind(step) for step in one.provisioning_steps],
        "modified": len(one.modified_properties), "source": one.source_identity.id, "name": one.source_identity.display_name,
    }
    cycle = await log.get(query(filter="cycleId eq '%s' and contains(sourceIdentity/displayName,'%s')" % (one.cycle_id, one.source_identity.display_name[:3])))
    seen["of_cycle"] = one.id in [each.id for each in cycle.value]
    seen["by_id"] = [each.id for each in (await log.get(query(filter="changeId eq '%s'" % one.change_id))).value] == [one.id]
    failed = await log.get(query(filter="provisioningStatusInfo/status eq 'failure'", top=1))
    why = failed.value[0].provisioning_status_info.error_information
    seen["failure"] = [why.error_code, bool(why.reason), bool(why.recommended_action)]

    subject = SynchronizationJobSubject(object_id=dn, object_type_name="user")
    rule = schema.synchronization_rules[0].id
    told = await own.provision_on_demand.post(ProvisionOnDemandPostRequestBody(
        parameters=[SynchronizationJobApplicationParameters(rule_id=rule, subjects=[subject])]))
    seen["demand"] = [json.loads(told.key), json.loads(told.value)]

    await own.pause.post()
    seen["paused"] = (await own.get()).schedule.state.value
    await own.start.post()
    before = (await own.get()).status.last_execution.activity_identifier
    await own.restart.post(RestartPostRequestBody(criteria=SynchronizationJobRestartCriteria(
        reset_scope=[Scope.Watermark, Scope.Escrows, Scope.QuarantineState])))
    await until(own.get, lambda one: one.status.last_execution.activity_identifier != before)
    await own.restart.post(RestartPostRequestBody(criteria=SynchronizationJobRestartCriteria()))

    seen["refused"] = {
        "job": await refused(jobs.by_synchronization_job_id("AD2AADProvisioning.x.y").get()),
        "operator": await refused(log.get(query(filter="id in ('a')"))),
        "property": await refused(log.get(query(filter="nonsense eq 'a'"))),
        "option": await refused(log.get(query(search="x"))),
    }
    try:
        await graph("wrong")[0].application_templates.get()
    except Exception as error:
        seen["wrong secret"] = type(error).__name__


asyncio.run(day())
print(json.dumps(seen))
