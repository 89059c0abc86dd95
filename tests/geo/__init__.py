"""A project with geometries; tests/test_works_with_geodjango.py runs it in processes of its own."""
