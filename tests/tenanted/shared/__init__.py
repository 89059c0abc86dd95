"""The app whose tables are in the public schema."""
