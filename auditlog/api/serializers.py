"""Entries as JSON: every id is a string, because ids may pass what JavaScript's numbers hold."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from auditlog.query.filters import ACTIONS


class ActionField(serializers.ChoiceField):
    """An action by the name that the filters know."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=list(ACTIONS), **kwargs)

    def to_representation(self, value: Any) -> str:
        """The name of the stored number."""
        return next(name for name, action in ACTIONS.items() if action == value)


class ActorSerializer(serializers.Serializer[Any]):
    """Who did it: the name at that moment, and the user's id where it was a user; both outlive the user."""

    id = serializers.CharField(source="actor_id", allow_null=True, read_only=True)
    name = serializers.CharField(source="actor_repr", read_only=True)


class EntrySerializer(serializers.Serializer[Any]):
    """One entry."""

    id = serializers.CharField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    action = ActionField(read_only=True)
    event = serializers.CharField(read_only=True)
    model = serializers.CharField(read_only=True)
    object_id = serializers.CharField(read_only=True)
    object_repr = serializers.CharField(read_only=True)
    actor = ActorSerializer(source="*", read_only=True)
    changeset = serializers.UUIDField(read_only=True)
    remote_addr = serializers.CharField(allow_null=True, read_only=True)
    reason = serializers.CharField(read_only=True)
    context = serializers.DictField(read_only=True)  # type: ignore[assignment] # a field, not the serializer's context
    changes = serializers.DictField(read_only=True)
