// HubSpot's own library for Node.js against the sandbox: what a company's other programs do in the same portal.
import { Client, Signature } from "@hubspot/api-client";

const given = JSON.parse(process.argv[2]);
const client = new Client({ accessToken: given.token, basePath: given.url, numberOfApiCallRetries: 0 });
const crm = client.crm;
const said = {};

const all = await crm.companies.getAll(10, undefined, ["name", "domain"]);
said.listed = all.map((each) => [each.id, each.properties.name]);
said.dates = all.every((each) => each.updatedAt instanceof Date && !Number.isNaN(each.updatedAt.getTime()));

said.searched = [];
for (let after = undefined; ;) {
  const page = await crm.contacts.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: "email", operator: "CONTAINS_TOKEN", value: "example.com" }] }],
    sorts: ["hs_object_id"], properties: ["email"], limit: 4, after,
  });
  said.total = page.total;
  said.searched.push(...page.results.map((each) => each.properties.email));
  after = page.paging?.next?.after;
  if (!after) break;
}

const read = await crm.companies.batchApi.read({
  properties: ["name"], propertiesWithHistory: [], inputs: [{ id: all[0].id }, { id: "404" }],
});
said.read = { ids: read.results.map((each) => each.id), errors: read.errors.map((each) => each.category) };

const upserted = await crm.objects.batchApi.upsert("tasks", {
  inputs: [
    { id: "key-1", idProperty: "steward_key", properties: { hs_timestamp: "2026-03-05T12:00:00Z", hs_task_subject: "One" } },
    { id: "key-2", idProperty: "steward_key", properties: {}, objectWriteTraceId: "second" },
  ],
});
said.upserted = {
  status: upserted.status, made: upserted.results.map((each) => each._new), errors: upserted.errors.map((each) => each.context),
};

const task = await crm.objects.tasks.basicApi.create({
  properties: { hs_timestamp: "2026-03-06T12:00:00Z", hs_task_subject: "Tied", hs_task_status: "NOT_STARTED" },
  associations: [{ to: { id: all[1].id }, types: [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 192 }] }],
});
const links = await crm.associations.v4.basicApi.getPage("tasks", task.id, "companies");
said.task = { id: task.id, companies: links.results.map((each) => String(each.toObjectId)) };

const tied = await crm.associations.v4.batchApi.createDefault("tasks", "companies", {
  inputs: [{ _from: { id: upserted.results[0].id }, to: { id: all[2].id } }],
});
const back = await crm.associations.v4.batchApi.getPage("tasks", "companies", { inputs: [{ id: upserted.results[0].id }] });
said.tied = { made: tied.results.length, companies: back.results[0].to.map((each) => String(each.toObjectId)) };

const changed = await crm.companies.batchApi.update({
  inputs: [{ id: all[0].id, properties: { city: "Köln" } }, { id: "404", properties: { city: "x" } }],
});
said.changed = { cities: changed.results.map((each) => each.properties.city), errors: changed.errors.map((each) => each.category) };

said.owners = (await crm.owners.ownersApi.getPage()).results.map((each) => each.email);
said.stages = (await crm.pipelines.pipelinesApi.getAll("deals")).results[0].stages.map((each) => each.id);
said.unique = (await crm.properties.coreApi.getAll("deals")).results.filter((each) => each.hasUniqueValue).map((each) => each.name);
said.schemas = (await crm.schemas.coreApi.getAll()).results.map((each) => each.fullyQualifiedName);

await crm.contacts.basicApi.archive(given.contact);
said.archived = (await crm.contacts.basicApi.getPage(100, undefined, [], undefined, undefined, true)).results
  .map((each) => [each.id, each.archived]);

try {
  await crm.companies.basicApi.getById("404");
} catch (error) {
  said.missing = [error.code, error.body.category];
}

const fresh = await client.oauth.tokensApi.create("refresh_token", undefined, undefined, given.client_id, given.secret, given.refresh);
const installed = new Client({ accessToken: fresh.accessToken, basePath: given.url });
said.oauth = [fresh.expiresIn, (await installed.crm.companies.basicApi.getPage(1)).results.length];

said.signature = Signature.isValid({ signatureVersion: "v3", clientSecret: given.secret, ...given.webhook });
console.log(JSON.stringify(said));
