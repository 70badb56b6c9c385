"""Facts become decisions: the playbook language, pure."""
