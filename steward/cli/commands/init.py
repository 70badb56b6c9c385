"""`steward init`: a commented steward.yaml, and the shipped playbooks beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from steward.cli import show
from steward.cli.options import command
from steward.model.errors import ConfigError

_TEXT = """\
# Steward's settings. Fill in what you have and leave out the rest; then run: steward doctor --config {file}
# ${{NAME}} is taken from the environment: keep secrets there.

company:
  name: My company
  currency: USD                 # ISO 4217; facts about money are in it
  timezone: Europe/Berlin       # IANA; business days are counted here
  roles: {{}}                     # vp_cs: ana@example.com       then `to: role:vp_cs` in a playbook
  rates: {{}}                     # EUR: 1.08                    1 EUR in your currency; else it is unknown
  calendar: {{}}                  # hours: "09:00-17:00"; holidays: {{country: DE, subdiv: BE, extra: [2026-12-24]}}
  calendars:                    # others by name, for `calendar: support_desk` in a playbook
    support_desk: {{workdays: [mon, tue, wed, thu, fri, sat], hours: "07:00-22:00"}}
  queues: {{}}                    # renewals: [ana@example.com, ben@example.com]      then `assign: queue:renewals`

store:
  url: ""                       # "" is SQLite in data_dir; production: postgresql://user:${{PASSWORD}}@host/steward
  data_dir: data

# The systems you have, each under a name of your own. `steward connector list` shows what there is,
# connectors/NAME/README.md what each needs. To try it without accounts, run `steward sandbox serve`
# and put the settings that it prints here.
connections: {{}}
#  salesforce:
#    connector: salesforce
#    settings:
#      instance_url: https://your-domain.my.salesforce.com
#      auth: {{client_id: "${{SF_ID}}", client_secret: "${{SF_SECRET}}"}}
#  hubspot:
#    connector: hubspot
#    settings: {{access_token: "${{HUBSPOT_TOKEN}}"}}
#  slack:
#    connector: slack
#    settings: {{token: "${{SLACK_TOKEN}}", signing_secret: "${{SLACK_SIGNING_SECRET}}"}}
#  files:                       # a company with nothing but spreadsheets
#    connector: csvfile
#    settings:
#      folder: exports
#      files:
#        - path: accounts.csv
#          noun: account
#          external_id: Customer
#          columns: {{name: Company, domain: Website, segment: Tier}}

truth: {{}}                       # account.name: [salesforce, hubspot]     whose word counts, best first

routing:
  message: ""                   # the connection that sends messages: slack
  cta: []                       # where work is asked for: [salesforce, hubspot], the first that knows the account
  channel: ""                   # where a message goes whose recipient is not found: cs-alerts

writeback: {{}}                   # by connection, a fact and the field it is written into:
#  salesforce: {{health.score: Health_Score__c, health.band: {{field: Health__c, empty: true}}}}

publish: {{}}                     # by connection to Tableau or Power BI, what it gets of the tables that reports read:
#  tableau: {{}}                  # all of them, every day (every: 1h); `steward export --dictionary` names them
#  powerbi: {{days: 400}}         # of dated tables the last 400 days; or refresh: true

playbooks: playbooks

web:
  port: 8700
  public_url: ""                # https://steward.example.com, as callers reach it; webhook signatures need it
  tokens: {{}}                    # tableau: "${{STEWARD_TOKEN}}"      who may call the API
"""


def init(directory: Path = Path()) -> int:
    """Write DIRECTORY/steward.yaml, commented, and copy the shipped playbooks beside it. Overwrites nothing."""
    from steward.wiring import shipped_playbooks

    file = directory / "steward.yaml"
    if file.exists():
        raise ConfigError(f'"{file}" is there already. Edit it, or give another folder.')
    directory.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(_TEXT.format(file=file), encoding="utf-8")
    target = directory / "playbooks"
    ours = not target.exists()
    if ours:
        shutil.copytree(shipped_playbooks(), target, ignore=shutil.ignore_patterns("__pycache__"))
    copied = f" and {target}" if ours else f", kept {target}"
    show.line(f"wrote {file}{copied}. Next: fill in `connections`, then: {command('doctor', file)}")
    return 0
