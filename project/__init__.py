"""The demonstration project: a small shop whose work the audit log records."""
