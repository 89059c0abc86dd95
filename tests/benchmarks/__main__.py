"""``python -m tests.benchmarks [rounds]``: every benchmark, on the database that ``DB`` names."""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
if os.environ.get("DB") == "postgres":
    import tests.dbplugin  # noqa: F401 - starts the server before the settings are read
django.setup()

from tests.benchmarks import saves, tripwire  # noqa: E402 - needs the settings

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
saves.main(rounds)
tripwire.main(rounds)
