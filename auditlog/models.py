"""The entry: one stored record that something happened to one object. Every entry stands alone."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from auditlog.exceptions import AppendOnlyError
from auditlog.indexes import PartialIndex, TimeIndex
from auditlog.query.querysets import EntryQuerySet


class Action(models.IntegerChoices):
    """What happened. The numbers are stored and never change."""

    CREATE = 1, _("create")
    UPDATE = 2, _("update")
    DELETE = 3, _("delete")
    BASELINE = 4, _("baseline")
    ACCESS = 5, _("access")
    LOGIN = 6, _("login")
    LOGOUT = 7, _("logout")
    LOGIN_FAILED = 8, _("login failed")
    EVENT = 9, _("event")
    REDACTION = 10, _("redaction")
    PRUNE = 11, _("prune")


class Entry(models.Model):
    """One thing that happened to one object: who, what, when, where from and why.

    Entries are written by :mod:`auditlog.recording` only, in the transaction of the change they describe. They are
    append-only: the ORM refuses to save over or delete one.
    """

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField(_("time"))
    action = models.SmallIntegerField(_("action"), choices=Action.choices)
    event = models.CharField(_("event"), max_length=100, blank=True, default="")
    model = models.CharField(_("model"), max_length=100, blank=True, default="")
    object_id = models.CharField(_("object id"), max_length=255, blank=True, default="")
    object_repr = models.CharField(_("object"), max_length=200, blank=True, default="")
    changes = models.JSONField(_("changes"), default=dict)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("actor"),
    )
    actor_repr = models.CharField(_("actor name"), max_length=200, blank=True, default="")
    changeset = models.UUIDField(_("changeset"))
    remote_addr = models.GenericIPAddressField(_("remote address"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True, default="")
    context = models.JSONField(_("context"), default=dict)
    salt = models.BinaryField(null=True, editable=False)
    redaction = models.JSONField(null=True, editable=False)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        base_manager_name = "objects"
        default_manager_name = "objects"
        default_permissions = ("view",)
        permissions = (
            ("view_all_entries", _("Can view the entries of every model")),
            ("export_entry", _("Can export entries")),
            ("revert_entry", _("Can revert a change")),
        )
        indexes = (
            # the object's timeline: History page, timeline(), for_object(), the export's --object
            models.Index(fields=["model", "object_id", "-id"], name="auditlog_object"),
            # the actor filter of the list, the export's --actor
            PartialIndex(fields=["actor", "-id"], name="auditlog_actor", condition=models.Q(actor__isnull=False)),
            # the model filter of the list, the export's --model
            models.Index(fields=["model", "-id"], name="auditlog_model"),
            # the changeset page: everything one request did
            models.Index(fields=["changeset", "-id"], name="auditlog_changeset"),
            # since/until of every way out
            TimeIndex(fields=["recorded_at"], name="auditlog_time"),
        )

    def __str__(self) -> str:
        subject = f"{self.model} {self.object_repr or self.object_id}".strip()
        return f"{self.get_action_display()} {self.event or subject}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert this entry; an entry that exists already is refused with :class:`AppendOnlyError`."""
        if not self._state.adding:
            raise AppendOnlyError("saved over")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: entries are append-only."""
        raise AppendOnlyError("deleted")
