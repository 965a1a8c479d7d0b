"""Accounts of persons: passwords and their keys, sessions, lock-out, the audit trail."""
