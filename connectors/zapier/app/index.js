"use strict";

const { config, withToken } = require("./authentication");
const acknowledge = require("./creates/acknowledge");
const account = require("./searches/account");
const triggers = require("./triggers/enrollment");

module.exports = {
  version: require("./package.json").version,
  platformVersion: require("zapier-platform-core").version,
  authentication: config,
  beforeRequest: [withToken],
  triggers,
  creates: { [acknowledge.key]: acknowledge },
  searches: { [account.key]: account },
};
