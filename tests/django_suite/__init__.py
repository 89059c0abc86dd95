"""Django's own tests, run with every model recorded; ``known.toml`` lists what they find changed, with the reasons.

``python -m tests.django_suite`` runs them; docs/transparency.md tells what comes of it.
"""
