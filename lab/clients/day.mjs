// An administrator's day with Microsoft's own client for JavaScript: nothing of it is changed but the address.
//
// node day.mjs URL TENANT CLIENT SECRET SERVICE_PRINCIPAL JOB   (NODE_EXTRA_CA_CERTS names the authority)
// Prints what it saw as one JSON document; whoever runs it judges.
import { Client, PageIterator } from "@microsoft/microsoft-graph-client";

const [url, tenant, client, secret, principal, job] = process.argv.slice(2);
const seen = {};

async function token() {
  const form = new URLSearchParams({ grant_type: "client_credentials", client_id: client, client_secret: secret, scope: `${url}/.default` });
  const answer = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, { method: "POST", body: form });
  return (await answer.json()).access_token;
}

const graph = Client.init({
  baseUrl: url,
  defaultVersion: "v1.0",
  customHosts: new Set([new URL(url).hostname]),
  authProvider: (done) => token().then((text) => done(null, text), done),
});
const own = `/servicePrincipals/${principal}/synchronization/jobs/${job}`;

const shown = await graph.api(own).expand("schema").get();
seen.job = [shown.id, shown.schedule.state, shown.schema.synchronizationRules.length];

const page = await graph.api("/auditLogs/provisioning").filter(`jobId eq '${job}' and provisioningAction eq 'create'`)
  .select("id,provisioningAction,sourceIdentity").top(5).count(true).get();
const ids = [];
await new PageIterator(graph, page, (record) => { ids.push(record.id); return true; }).iterate();
seen.log = [page["@odata.count"], page.value.length, ids.length, Object.keys(page.value[0]).sort()];

const batch = await graph.api("/$batch").post({ requests: [
  { id: "1", method: "GET", url: own },
  { id: "2", method: "GET", url: `${own}/schema/functions?$top=1` },
  { id: "3", method: "GET", url: "/nothing" },
] });
seen.batch = batch.responses.map((one) => one.status);

const schema = await graph.api(`${own}/schema`).get();
await graph.api(`${own}/schema`).put(schema);
seen.put = (await graph.api(`${own}/schema`).get()).version === schema.version;
const rule = schema.synchronizationRules[0].objectMappings.find((one) => one.targetObjectName === "Contact");
rule.enabled = false;
await graph.api(`${own}/schema`).put(schema);
seen.changed = (await graph.api(`${own}/schema`).get()).version !== schema.version;
await graph.api(`${own}/schema`).delete();
const reset = await graph.api(`${own}/schema`).get();
seen.reset = reset.synchronizationRules[0].objectMappings.find((one) => one.targetObjectName === "Contact").enabled;

await graph.api(`${own}/pause`).post({});
seen.paused = (await graph.api(own).get()).schedule.state;
const connected = (await graph.api("/auditLogs/provisioning").filter("provisioningAction eq 'create' and provisioningStatusInfo/status eq 'success'").top(1).get()).value[0];
const link = await graph.api(`${own}/objectConnections('${connected.targetIdentity.id}')`).version("beta").get();
seen.link = [link.objectId === connected.sourceIdentity.id, link.targetAnchor === connected.targetIdentity.id];
await graph.api(`${own}/objectConnections('${connected.sourceIdentity.id}')`).version("beta").delete();
try {
  await graph.api(`${own}/objectConnections('${connected.sourceIdentity.id}')`).version("beta").get();
} catch (error) {
  seen.unlinked = [error.statusCode, error.code];
}
await graph.api(`${own}/objectConnections('${connected.sourceIdentity.id}')`).version("beta").delete();
await graph.api(`${own}/start`).post({});
seen.started = (await graph.api(own).get()).schedule.state;
try {
  await graph.api(`${own}/objectConnections('${connected.sourceIdentity.id}')`).version("beta").delete();
} catch (error) {
  seen.running = [error.statusCode, error.code];
}
console.log(JSON.stringify(seen));
