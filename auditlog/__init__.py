"""The audit log for Django: who changed what, when, from where and why.

``import auditlog`` works before the app registry is ready; names that need models are loaded when first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditlog.capture.registry import register, unregister
from auditlog.contexts import context

if TYPE_CHECKING:
    from auditlog.carrying import pack_context, task_context
    from auditlog.history import timeline
    from auditlog.recording import accessed, paused, record

__version__ = "0.1.0"

__all__ = [
    "accessed", "context", "pack_context", "paused", "record", "register", "task_context", "timeline", "unregister",
]  # fmt: skip

_LAZY = {
    "accessed": "auditlog.recording",
    "pack_context": "auditlog.carrying",
    "paused": "auditlog.recording",
    "record": "auditlog.recording",
    "task_context": "auditlog.carrying",
    "timeline": "auditlog.history",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'auditlog' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
