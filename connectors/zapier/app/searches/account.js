"use strict";

const { base } = require("../authentication");

module.exports = {
  key: "account",
  noun: "Account",
  display: {
    label: "Find an Account's Health",
    description: "Finds an account by our id, an id in a connected system, a domain or a name.",
  },
  operation: {
    inputFields: [{ key: "customer", label: "Account", type: "string", required: true }],
    perform: async (z, bundle) => {
      const response = await z.request({
        url: `${base(bundle)}/api/v1/cs-ops/health/${encodeURIComponent(bundle.inputData.customer)}`,
        skipThrowForStatus: true,
      });
      if (response.status === 404) {
        return [];
      }
      response.throwForStatus();
      const { account_id: id, name, score, known_at } = response.data;
      return [{ id, name, score, known_at }];
    },
    sample: { id: "acct_17", name: "Acme", score: 58, known_at: "2026-03-05T08:00:00Z" },
  },
};
