"""The replay oracle: random sequences of every write path; after each, the log alone must rebuild the tables."""
