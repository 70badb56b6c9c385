"use strict";

// The list of listeners is the cheapest call that needs the token.
const test = async (z, bundle) => {
  const response = await z.request({ url: `${base(bundle)}/api/v1/listeners` });
  return { count: response.data.length };
};

const base = (bundle) => bundle.authData.url.replace(/\/+$/, "");

const withToken = (request, z, bundle) => {
  if (bundle.authData.token) {
    request.headers.Authorization = `Bearer ${bundle.authData.token}`;
  }
  return request;
};

module.exports = {
  base,
  withToken,
  config: {
    type: "custom",
    test,
    fields: [
      { key: "url", label: "Steward's address", type: "string", required: true,
        helpText: "As `web.public_url` in steward.yaml, such as https://steward.example.com" },
      { key: "token", label: "API token", type: "password", required: true,
        helpText: "A token of `web.tokens` in steward.yaml, for Zapier alone." },
    ],
    connectionLabel: "{{bundle.authData.url}}",
  },
};
