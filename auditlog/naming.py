"""How models and objects are named in an entry: ``app_label.model_name`` and the primary key as text."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import models
from django.utils.crypto import salted_hmac

KEY_LENGTH = 255
_DIGEST = "…sha256:"
_PREFIX_LENGTH = 180


def model_label(model: type[models.Model]) -> str:
    """The label of the concrete model, lower case: proxies share their concrete model's."""
    concrete = model._meta.concrete_model or model
    return concrete._meta.label_lower


def key_text(pk: Any, *, masked: bool = False) -> str:
    """A primary key as text of at most 255 characters.

    Composite keys become a JSON list. A longer key becomes ``<its first 180 characters>…sha256:<hex digest>``. A masked
    key (a token, a session) becomes ``hmac:<hex digest>`` under the project's ``SECRET_KEY``.
    """
    text = json.dumps([str(part) for part in pk], ensure_ascii=False) if isinstance(pk, (tuple, list)) else str(pk)
    if masked:
        return "hmac:" + salted_hmac("auditlog.key", text, algorithm="sha256").hexdigest()
    if len(text) <= KEY_LENGTH:
        return text
    return f"{text[:_PREFIX_LENGTH]}{_DIGEST}{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def is_shortened(key: str) -> bool:
    """Whether :func:`key_text` had to shorten the key."""
    return _DIGEST in key
