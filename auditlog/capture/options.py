"""The options of a registration: what a project chose for one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from auditlog.exceptions import RegistrationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a project chose for one model; the arguments of :func:`register`."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    m2m: tuple[str, ...] | None = None
    quiet: tuple[str, ...] = ()
    repr: Any = None
    reason: Literal["optional", "required"] | None = None
    snapshot: Literal["locked", "loaded"] = "locked"
    transaction: Literal["own", "caller"] = "own"
    on_error: Literal["raise", "log"] = "raise"
    formerly: tuple[str, ...] = ()
    derived: bool = False
    """Registered only as the parent or child of a registered model."""


def make_options(options: dict[str, Any]) -> Options:
    """Check and normalise the arguments of :func:`register`; raises :class:`RegistrationError`."""
    allowed = set(Options.__dataclass_fields__) - {"derived"}
    if unknown := sorted(set(options) - allowed):
        raise RegistrationError(
            f"auditlog.register() has no argument {', '.join(unknown)}; it takes {', '.join(sorted(allowed))}."
        )
    for name, values in _CHOICES.items():
        if name in options and options[name] not in values:
            known = " or ".join(repr(value) for value in values)
            raise RegistrationError(f"auditlog.register({name}=...) must be {known}, not {options[name]!r}.")
    return Options(**{name: _as_tuple(name, value) for name, value in options.items()})


_CHOICES: dict[str, tuple[Any, ...]] = {
    "snapshot": ("locked", "loaded"),
    "transaction": ("own", "caller"),
    "on_error": ("raise", "log"),
    "reason": (None, "optional", "required"),
}
_LISTS = frozenset({"include", "exclude", "mask", "m2m", "quiet", "formerly"})


def _as_tuple(name: str, value: Any) -> Any:
    if name not in _LISTS or value is None:
        return value
    if isinstance(value, str):
        raise RegistrationError(f"auditlog.register({name}=...) takes a list of names, not the text {value!r}.")
    return tuple(value)
