"""Export: entries as files."""
