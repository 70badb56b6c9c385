"use strict";

const { base } = require("../authentication");

module.exports = {
  key: "acknowledge",
  noun: "Enrollment",
  display: {
    label: "Acknowledge an Enrollment",
    description: "Says that somebody has the account in hand: the escalation stops.",
  },
  operation: {
    inputFields: [
      { key: "enrollment_id", label: "Enrollment ID", type: "string", required: true },
      { key: "by", label: "By Whom", type: "string", required: false, helpText: "An e-mail address or a name." },
    ],
    perform: async (z, bundle) => {
      const response = await z.request({
        method: "POST",
        url: `${base(bundle)}/api/v1/enrollments/acknowledge`,
        body: { enrollment_id: bundle.inputData.enrollment_id, by: bundle.inputData.by || "" },
      });
      return { id: response.data.enrollment_id, ...response.data };
    },
    sample: { id: "health_drop/acct_17/1", changed: true, acknowledged_by: "ana@us.example" },
  },
};
