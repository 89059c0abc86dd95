"""Our own signals."""

from __future__ import annotations

from django.dispatch import Signal

recorded = Signal()
"""Sent once per batch of entries after their transaction committed, with ``sender`` the model class (None where it is
unknown), ``model`` (label), ``action`` (:class:`auditlog.models.Action`), ``changeset`` (UUID), ``using`` (database
alias), ``count`` (int) and ``object_ids`` (tuple of str, None above 1,000). A receiver that raises is logged and hurts
nobody; without receivers nothing is done."""

recording_failed = Signal()
"""Sent at once when entries could not be written and their change stands (``on_error="log"``, or a separate audit
database), once per model, with ``sender`` the model class (None where it is unknown), ``model`` (label), ``using``
(alias of the row's database), ``count`` (int) and ``error`` (the exception). The change's transaction may still be
open. A receiver that raises is logged and hurts nobody."""
