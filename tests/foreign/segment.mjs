// The real Segment SDK for Node.js, pointed at a running Steward.
import { Analytics } from "@segment/analytics-node";

const given = JSON.parse(process.argv[2]);
const failures = [];
const analytics = new Analytics({
  writeKey: given.write_key, host: given.url, path: "/hooks/usage", flushAt: 20, maxRetries: 0,
});
analytics.on("error", (error) => failures.push(String(error.reason || error.code || error)));
for (let number = 0; number < given.events; number += 1) {
  analytics.track({
    userId: "user-1", event: "Report Viewed", messageId: `node-${number}`, context: { groupId: "W-1" },
    properties: { quantity: 2 }, timestamp: new Date(given.at),
  });
}
analytics.identify({ userId: "user-1", traits: { plan: "x" } });
await analytics.closeAndFlush();
console.log(JSON.stringify({ failures }));
