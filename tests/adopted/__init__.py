"""A project that ran for years before it took the audit log; tests/test_adopt.py and others run it in processes."""
