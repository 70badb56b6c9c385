"""Facts to decisions, pure: no I/O, no clock, no randomness.

    document   text -> nodes with positions            language   what a playbook consists of
    literals   "50k USD" -> a value                     load       nodes -> Playbook, with findings
    condition  "health.score < 60" -> expression        check      what can never work
    expression the tree, and three evaluators that agree: batch (Polars), closures (one account), walk (records why)
    lifecycle  one account's way through one playbook (gates before it, sweep says for whom)
    case_file, cases, plan, explain   what people ask of it
"""
