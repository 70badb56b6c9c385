// What jsforce sees of the sandbox, as one JSON object.
for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]) delete process.env[name]; // it ignores NO_PROXY
const { default: jsforce } = await import("jsforce");

const given = JSON.parse(process.argv[2]);
const conn = new jsforce.Connection({ instanceUrl: given.url, accessToken: given.token, version: "67.0" });
conn.bulk2.pollInterval = 20;
conn.bulk2.pollTimeout = 60000;
const seen = {};

const first = await conn.query("SELECT Id, Name, ARR__c, CreatedDate FROM Account ORDER BY Id");
const rows = [...first.records];
let page = first, pages = 1;
while (!page.done) {
  page = await conn.queryMore(page.nextRecordsUrl);
  rows.push(...page.records);
  pages += 1;
}
seen.query = { total: first.totalSize, pages, ids: rows.map((row) => row.Id), names: rows.map((row) => row.Name) };

const made = await conn.sobject("Task").create({ Subject: "From jsforce", WhatId: given.account, Steward_Key__c: "js-1" });
seen.created = made;
seen.updated = await conn.sobject("Task").update({ Id: made.id, Status: "Completed" });
seen.retrieved = await conn.sobject("Task").retrieve(made.id);
seen.refused = await conn.sobject("Account").create({ Industry: "no name" }).then(() => null, (error) => error.errorCode);

seen.many = await conn.sobject("Task").upsert([
  { Subject: "one", WhatId: given.account, Steward_Key__c: "js-2" },
  { Subject: "again", Steward_Key__c: "js-1" },
  { Subject: "bad", WhatId: "001000000000000AAA", Steward_Key__c: "js-3" },
], "Steward_Key__c", { allOrNone: false });

await conn.sobject("Contact").destroy(given.contact);
seen.deleted = await conn.sobject("Contact").deleted(given.since, given.until);
seen.limits = await conn.limits();
seen.usage = conn.limitInfo;

const bulk = await conn.bulk2.query("SELECT Id, Name, Do_Not_Contact__c FROM Account");
seen.bulkQuery = await bulk.toArray();

const results = await conn.bulk2.loadAndWaitForResults({
  object: "Task", operation: "upsert", externalIdFieldName: "Steward_Key__c",
  input: [
    { Subject: "bulk, one", WhatId: given.account, Steward_Key__c: "js-4" },
    { Subject: "bulk again", WhatId: given.account, Steward_Key__c: "js-2" },
    { Subject: "bulk bad", WhatId: "nobody", Steward_Key__c: "js-5" },
  ],
});
seen.ingest = {
  good: results.successfulResults.map((row) => [row.sf__Id, row.sf__Created, row.Steward_Key__c]),
  bad: results.failedResults.map((row) => [row.sf__Error, row.Steward_Key__c]),
  rest: results.unprocessedRecords.length,
};

console.log(JSON.stringify(seen));
