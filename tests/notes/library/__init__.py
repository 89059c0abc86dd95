"""A second small app of the examples: books."""
