"""The part of a project's settings that records two apps and a model of a third party."""

from __future__ import annotations

from typing import Any

AUDITLOG: dict[str, Any]

# shown in the docs from here
AUDITLOG = {
    "MODELS": {
        "bakery.*": {},  # every model of the app, today's and tomorrow's
        "library.*": {},
        "auth.Group": {},  # a model of Django's own, without touching its code
    },
}
