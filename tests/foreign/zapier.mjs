// The Zapier platform's own validator and runtime on our app definition, against a running Steward.
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
process.env.LOG_LEVEL = "none";
const given = JSON.parse(process.argv[2]);
const zapier = require("zapier-platform-core");
const app = require(given.app);

// What `zapier validate` runs: zapier-platform-schema over the compiled app.
const schemaTools = require("zapier-platform-core/src/tools/schema");
const errors = schemaTools.validateApp(schemaTools.prepareApp(app));
const tester = zapier.createAppTester(app);
const authData = { url: given.url, token: given.token };
const { operation } = app.triggers.enrollment_entered;
const bundle = { authData, inputData: {}, targetUrl: given.target_url, meta: {} };

const out = { errors: errors.map((each) => each.stack || String(each)) };
if (given.act === "subscribe") {
  out.test = await tester(app.authentication.test, { authData });
  out.samples = await tester(operation.performList, bundle);
  out.subscribed = await tester(operation.performSubscribe, bundle);
} else if (given.act === "unsubscribe") {
  await tester(operation.performUnsubscribe, { ...bundle, subscribeData: { id: given.id } });
  out.perform = await tester(operation.perform, { ...bundle, cleanedRequest: given.event });
  out.acknowledged = await tester(app.creates.acknowledge.operation.perform,
    { authData, inputData: { enrollment_id: given.event.enrollment_id, by: "ana@us.test" } });
  out.nobody = await tester(app.searches.account.operation.perform, { authData, inputData: { customer: "nobody" } });
  try {
    await tester(app.authentication.test, { authData: { ...authData, token: "wrong" } });
  } catch (error) {
    out.refused = String(error.message).slice(0, 300);
  }
}
console.log(JSON.stringify(out));
