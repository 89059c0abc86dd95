"""An app with migrations that alter recorded models, run by tests/test_migration_entries.py in processes of its own."""
