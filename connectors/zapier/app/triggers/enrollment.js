"use strict";

const { base } = require("../authentication");

const sample = {
  id: "evt_5c0f6a", event: "enrollment.entered", occurred_at: "2026-03-05T08:00:00Z",
  enrollment_id: "health_drop/acct_17/1", playbook_id: "health_drop", playbook_title: "Health drop before renewal",
  version: "7c1e09ab", state: "active", reason: "", account_id: "acct_17", account_name: "Acme",
  subject_id: "acct_17", owner_email: "ana@us.example", external_ids: { salesforce: "001000000000000AAA" },
};

// One trigger for each event of /api/v1/listeners: Zapier subscribes when the Zap is switched on.
const trigger = (key, event, label, description) => ({
  key,
  noun: "Enrollment",
  display: { label, description },
  operation: {
    type: "hook",
    inputFields: [
      { key: "playbook_id", label: "Playbook", type: "string", required: false,
        helpText: "Only of this playbook, by its id. Empty: of every one." },
    ],
    performSubscribe: async (z, bundle) => {
      const response = await z.request({
        method: "POST",
        url: `${base(bundle)}/api/v1/listeners`,
        body: { target_url: bundle.targetUrl, event, playbook_id: bundle.inputData.playbook_id || "" },
      });
      return response.data;
    },
    performUnsubscribe: async (z, bundle) => {
      await z.request({ method: "DELETE", url: `${base(bundle)}/api/v1/listeners/${bundle.subscribeData.id}` });
      return {};
    },
    perform: (z, bundle) => [bundle.cleanedRequest],
    performList: async (z, bundle) => {
      const response = await z.request({
        url: `${base(bundle)}/api/v1/listeners/sample`,
        params: { event, playbook_id: bundle.inputData.playbook_id || "" },
      });
      return response.data;
    },
    sample: { ...sample, event },
    outputFields: [
      { key: "id", label: "Event ID" }, { key: "occurred_at", label: "Occurred At", type: "datetime" },
      { key: "account_name", label: "Account" }, { key: "playbook_title", label: "Playbook" },
      { key: "owner_email", label: "Owner's E-mail" }, { key: "enrollment_id", label: "Enrollment ID" },
      { key: "reason", label: "Reason" },
    ],
  },
});

module.exports = {
  enrollment_entered: trigger(
    "enrollment_entered", "enrollment.entered", "Account Entered a Playbook",
    "Triggers when an account enters a playbook: it became active and its steps begin."),
  enrollment_closed: trigger(
    "enrollment_closed", "enrollment.closed", "Enrollment Closed",
    "Triggers when an enrollment is closed: cleared, goal met, expired, or one of its exits."),
};
