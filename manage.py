#!/usr/bin/env python
"""The demonstration project's command line; ``DJANGO_SETTINGS_MODULE`` chooses other settings."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    execute_from_command_line(sys.argv)
