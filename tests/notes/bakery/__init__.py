"""A small app of the examples: cakes, their orders and the baker's tasks."""
