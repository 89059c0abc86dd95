"""Our own signals."""

from __future__ import annotations

from django.dispatch import Signal

recorded = Signal()
"""Sent once per batch of entries after their transaction committed, with ``sender`` the model class (None where it is
unknown), ``model`` (label), ``action`` (:class:`auditlog.models.Action`), ``changeset`` (UUID), ``using`` (database
alias), ``count`` (int) and ``object_ids`` (tuple of str, None above 1,000). A receiver that raises is logged and hurts
nobody; without receivers nothing is done."""
