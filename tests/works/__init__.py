"""A project that uses other packages' models; tests/test_works_with.py runs it in processes of its own."""
