// Slack's own client for Node.js against our sandbox.
import { WebClient } from "@slack/web-api";

const given = JSON.parse(process.argv[2]);
const web = new WebClient(given.token, { slackApiUrl: given.url, retryConfig: { retries: 0 } });
const out = {};
out.team = (await web.auth.test()).team_id;
const user = (await web.users.lookupByEmail({ email: given.email })).user;
const opened = await web.conversations.open({ users: user.id });
const posted = await web.chat.postMessage({
  channel: opened.channel.id, text: "hello", blocks: given.blocks,
  metadata: { event_type: "t", event_payload: { key: "node-1" } },
});
await web.chat.update({ channel: posted.channel, ts: posted.ts, text: "hello again" });
const reply = await web.chat.postMessage({ channel: posted.channel, thread_ts: posted.ts, text: "in the thread" });
const history = await web.conversations.history({ channel: posted.channel, include_all_metadata: true });
out.texts = history.messages.map((each) => each.text);
out.key = history.messages.find((each) => each.ts === posted.ts).metadata.event_payload.key;
out.thread = reply.message.thread_ts === posted.ts;
out.members = [];
for await (const page of web.paginate("users.list", { limit: 2 })) {
  out.members.push(...page.members.map((each) => each.id));
}
try {
  await web.chat.postMessage({ channel: "#nowhere", text: "x" });
} catch (error) {
  out.refused = error.data.error;
}
console.log(JSON.stringify(out));
