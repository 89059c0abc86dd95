"""The errors of the app; each docstring says what happened and the message names the fix."""

from __future__ import annotations


class AuditlogError(Exception):
    """Base of all errors raised by the app."""


class AppendOnlyError(AuditlogError):
    """An entry would have been written over or deleted."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Audit entries are append-only and cannot be {what}. Record a correction with auditlog.record(); "
            "when restoring a fixture, leave entries out with --exclude auditlog."
        )


class RecordingError(AuditlogError):
    """A change could not be recorded, so it was not made; the database's error is chained."""


class RegistrationError(AuditlogError):
    """A model was registered with an argument that cannot be right."""


class UnrecordedWriteError(AuditlogError):
    """A statement would have written a recorded table past the audit log; it was not executed."""


class UnrecordedWriteWarning(UserWarning):
    """A statement wrote a recorded table past the audit log."""
