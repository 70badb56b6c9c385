"""The door for HTTP: the API under /api/v1/cs-ops, the webhooks under /hooks, and whether we are well."""
