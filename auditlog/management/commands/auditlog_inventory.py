"""List what is recorded, masked, excluded and left out."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from auditlog.inventory import inventory


class Command(BaseCommand):
    """``manage.py auditlog_inventory [--format text|json] [--status STATUS]``."""

    help = "List every model and field: recorded, masked, excluded or unregistered, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--format", choices=["text", "json"], default="text", help="text (default) or JSON Lines")
        parser.add_argument(
            "--status", choices=["recorded", "masked", "excluded", "unregistered"], help="only lines of this status"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per model and field."""
        for item in inventory():
            if options["status"] not in (None, item.status):
                continue
            if options["format"] == "json":
                self.stdout.write(json.dumps(asdict(item)))
            else:
                name = f"  {item.field}" if item.field else item.model
                self.stdout.write(f"{name:<40} {item.status:<13} {item.why}".rstrip())
