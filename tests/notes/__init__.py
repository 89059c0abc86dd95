"""The examples of docs/signals.md: what the page shows is this code, and the tests run it."""
