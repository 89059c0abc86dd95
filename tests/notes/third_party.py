"""A model of somebody else's, hooked from your own code."""

from __future__ import annotations

# shown in the docs from here
from django.contrib.auth.models import Group

import auditlog


def hook_groups() -> None:
    """Call this from the ready() of an app of yours: groups and their permissions are recorded from then on."""
    auditlog.register(Group)
