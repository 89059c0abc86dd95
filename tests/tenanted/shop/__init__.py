"""The app whose tables are in every tenant's schema."""
