"""Steward: workflow automation and integration for Customer Success. Start at steward/README.md."""

__version__ = "0.1.0"
