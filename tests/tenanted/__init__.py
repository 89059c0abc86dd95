"""A project of django-tenants; tests/test_works_with_tenants.py runs it in processes of its own."""
