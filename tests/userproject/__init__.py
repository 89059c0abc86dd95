"""A project of a user of the app, with tests of its own; tests/test_testing.py runs them in processes of their own."""
