"""The views of the API: the log, one entry, and the timeline of one object. Nothing here writes."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView

from auditlog.api.parameters import EntryFilters, EntryPages
from auditlog.api.permissions import MaySeeLog
from auditlog.api.serializers import EntrySerializer
from auditlog.history import timeline_of
from auditlog.models import Entry
from auditlog.query.filters import visible_to


@method_decorator(never_cache, name="dispatch")
class EntryView(GenericAPIView[Entry]):
    """What the views share: who may ask, what he sees, and the form of an entry."""

    permission_classes = (MaySeeLog,)
    serializer_class = EntrySerializer
    queryset = Entry.objects.all()

    def get_queryset(self) -> QuerySet[Entry]:
        """The entries that the user may see."""
        return visible_to(Entry.objects.all(), self.request.user)


class EntryList(EntryView, ListAPIView[Entry]):
    """The log, newest first: the entries that the user may see, narrowed by the filters."""

    filter_backends = (EntryFilters,)
    pagination_class = EntryPages


class EntryDetail(EntryView, RetrieveAPIView[Entry]):
    """One entry; 404 also for one that the user may not see."""

    filter_backends = ()


class ObjectTimeline(EntryList):
    """All entries of one object, newest first, also after it was deleted.

    With them come those of the parents that the object has by multi-table inheritance.
    """

    fixed_filters = ("model", "object")

    def get_queryset(self) -> QuerySet[Entry]:
        """The visible entries of the object that the address names."""
        return visible_to(timeline_of(self.kwargs["model"], self.kwargs["object_id"]), self.request.user)
