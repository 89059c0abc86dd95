"""Who may ask the API; how people prove who they are is the project's choice (session, token, …)."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from auditlog.query.filters import may_see_log


class MaySeeLog(BasePermission):
    """Active staff with ``auditlog.view_entry`` or ``auditlog.view_all_entries``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the log is open to the user at all; what he sees of it is narrowed by the view."""
        return may_see_log(request.user)
