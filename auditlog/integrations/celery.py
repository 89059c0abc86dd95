"""Celery: the context goes with the message, and a worker opens it around the task.

``AuditlogConfig.ready`` installs this if Celery is imported by then, as the project's Celery app is; a project that
imports it later calls :func:`install` itself.
"""

from __future__ import annotations

import json
from typing import Any

from celery import signals

from auditlog.carrying import enter_task, leave_task, pack_context

HEADER = "auditlog"
"""The message's header: text, because not every broker takes nested ones."""


def install() -> None:
    """Connect to Celery's signals; a second time changes nothing."""
    signals.before_task_publish.connect(_published, weak=False, dispatch_uid="auditlog.published")
    signals.task_prerun.connect(_started, weak=False, dispatch_uid="auditlog.started")
    signals.task_postrun.connect(_ended, weak=False, dispatch_uid="auditlog.ended")


def uninstall() -> None:
    """Disconnect again."""
    signals.before_task_publish.disconnect(dispatch_uid="auditlog.published")
    signals.task_prerun.disconnect(dispatch_uid="auditlog.started")
    signals.task_postrun.disconnect(dispatch_uid="auditlog.ended")


def _published(headers: dict[str, Any] | None = None, body: Any = None, **kwargs: Any) -> None:
    """Put the context into the message; what an earlier message brought goes, or a subtask would pass for its parent.

    The task's id stands in the headers, in messages of the first protocol in the body.
    """
    if headers is None:
        return  # nothing to carry it; Celery itself always has some
    task_id = headers.get("id") or (body.get("id") if isinstance(body, dict) else None)
    headers.pop(HEADER, None)
    if packed := pack_context(task_id):
        headers[HEADER] = json.dumps(packed)


def _started(task_id: str, task: Any, **kwargs: Any) -> None:
    request = task.request
    packed = pack_context(task_id) if request.is_eager else _received(request)
    enter_task(packed, task=task.name, task_id=task_id)


def _ended(task_id: str, **kwargs: Any) -> None:
    leave_task(task_id)


def _received(request: Any) -> Any:
    """What the message brought; a header that is no JSON brought nothing."""
    header = request.get(HEADER) or (request.headers or {}).get(HEADER)
    try:
        return json.loads(header) if isinstance(header, str) else None
    except (ValueError, RecursionError):
        return None
