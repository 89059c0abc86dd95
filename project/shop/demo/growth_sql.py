"""The statements that grow a log, written once for SQLite and PostgreSQL: integers, ``||`` and ``CASE`` in both.

Every value is a function of the entry's number, so that the log chains: each old value is the new value of the
object's previous entry with that field.
"""

from __future__ import annotations

from typing import NamedTuple

from auditlog.models import Action, Entry
from project.shop.demo.growth_plan import CYCLE, MODELS, GrownField, GrownModel

CHOICES = {
    "status": ("open", "paid", "packed", "shipped", "cancelled"),
    "currency": ("EUR", "USD", "JPY", "CHF", "MXN"),
    "country": ("ES", "DE", "US", "MX", "JP", "CH"),
}
CONTEXT = '{"method": "POST", "path": "/admin/", "generated": "demo --entries"}'


class Dialect(NamedTuple):
    """How one database spells what the other spells differently; the expressions take ``us``, ``cs_us`` and so on."""

    numbers: str
    moment: str
    changeset: str
    json: str
    address: str


SQLITE = Dialect(
    numbers="WITH RECURSIVE numbers(i) AS (SELECT {low} UNION ALL SELECT i + 1 FROM numbers WHERE i < {high} - 1)",
    moment="strftime('%Y-%m-%d %H:%M:%S', us / 1000000, 'unixepoch') || '.' || substr('000000' || (us % 1000000), -6)",
    changeset="printf('%012x7%03x8%015x', cs_us / 1000, changeset, cycle)",
    json="{}",
    address="{}",
)
POSTGRES = Dialect(
    numbers="WITH numbers(i) AS (SELECT generate_series({low}::bigint, {high}::bigint - 1))",
    moment="timestamptz 'epoch' + us * interval '1 microsecond'",
    changeset=(
        "(lpad(to_hex(cs_us / 1000), 12, '0') || '7' || lpad(to_hex(changeset), 3, '0') || '8'"
        " || lpad(to_hex(cycle), 15, '0'))::uuid"
    ),
    json="({})::jsonb",
    address="({})::inet",
)
DIALECTS = {"sqlite": SQLITE, "postgresql": POSTGRES}

TABLES = (
    """CREATE TEMPORARY TABLE grown_slot (slot bigint PRIMARY KEY, model bigint, action bigint, rank bigint,
        changeset bigint, opens bigint)""",
    """CREATE TEMPORARY TABLE grown_model (model bigint PRIMARY KEY, label varchar(100), share bigint, width bigint,
        life bigint, dies bigint)""",
    """CREATE TEMPORARY TABLE grown_actor (pick bigint PRIMARY KEY, actor bigint, name varchar(200),
        address varchar(40))""",
)


def statement(dialect: Dialect, low: int, high: int, start_us: int, step_us: int, first: int) -> str:
    """The INSERT of the entries numbered from ``low`` to before ``high``; ``first`` is the first object's number."""
    visit = f"action IN ({Action.LOGIN.value}, {Action.LOGOUT.value})"
    subject = f"CASE WHEN {visit} THEN CAST(actor AS text) ELSE CAST({first} + born AS text) END"
    failed = f"action = {Action.LOGIN_FAILED.value}"
    columns = {
        "recorded_at": dialect.moment,
        "action": _action(),
        "event": f"CASE action WHEN {Action.EVENT.value} THEN 'invoice.sent' ELSE '' END",
        "model": "label",
        "object_id": f"CASE WHEN {failed} THEN '' ELSE {subject} END",
        "object_repr": f"CASE WHEN {failed} THEN '' WHEN {visit} THEN name ELSE label || ' ' || born END",
        "changes": dialect.json.format(_changes()),
        "actor_id": f"CASE WHEN {failed} THEN NULL ELSE actor END",
        "actor_repr": f"CASE WHEN {failed} THEN '' ELSE name END",
        "changeset": dialect.changeset,
        "remote_addr": dialect.address.format("address"),
        "reason": "CASE cycle % 20 WHEN 0 THEN 'Stock-taking' ELSE '' END",
        "context": dialect.json.format(f"'{CONTEXT}'"),
    }
    table = Entry._meta.db_table
    head = f"INSERT INTO {table} ({', '.join(columns)}) "  # our own names and whole numbers only
    source = _source(start_us, step_us)
    numbers = dialect.numbers.format(low=low, high=high)
    return f"{head}{numbers}{source} SELECT {', '.join(columns.values())} FROM lived ORDER BY i"  # noqa: S608


def _source(start_us: int, step_us: int) -> str:
    """Per entry: its moment, its object (``born``) and how many entries that object had before (``w``).

    Of each model ``width`` objects live at a time; when they have had ``life`` entries, others follow.
    """
    return f""",
    placed AS (
        SELECT i, i / {CYCLE} AS cycle, s.action, s.changeset, m.model, m.label, m.width, m.life, m.dies,
            {start_us} + (i - s.slot + s.opens) * {step_us} AS cs_us, (s.slot - s.opens) * 1000 AS later_us,
            (i / {CYCLE}) * m.share + s.rank AS j, a.actor, a.name, a.address
        FROM numbers
        JOIN grown_slot s ON s.slot = i % {CYCLE}
        JOIN grown_model m ON m.model = s.model
        JOIN grown_actor a ON a.pick = ((i / {CYCLE}) * 7919 + s.changeset * 104729) % {CYCLE}
    ),
    lived AS (
        SELECT placed.*, cs_us + later_us AS us, (j / width) % life AS w,
            j % width + width * (j / width / life) AS born, j % width % 97 AS phase
        FROM placed
    )"""  # noqa: S608  # our own names and whole numbers only


def _action() -> str:
    """The number of the action: an object's first entry creates it, its last one deletes it."""
    create, update, delete = Action.CREATE.value, Action.UPDATE.value, Action.DELETE.value
    death = f"WHEN dies = 1 AND w = life - 1 THEN {delete}"
    return f"CASE WHEN action > 0 THEN action WHEN w = 0 THEN {create} {death} ELSE {update} END"


def _changes() -> str:
    """The changes as JSON text: all fields at birth and death, else those whose turn it is."""
    kinds = " ".join(f"WHEN {index} THEN {_object(model)}" for index, model in enumerate(MODELS))
    return f"CASE WHEN action > 0 THEN '{{}}' ELSE '{{' || substr(CASE model {kinds} END, 3) || '}}' END"


def _object(model: GrownModel) -> str:
    return " || ".join(_change(field) for field in model.fields)


def _change(field: GrownField) -> str:
    """One field's pair, with a comma before it, or nothing."""
    old, new = _value(field, "w - 1"), _value(field, "w")
    name = f"', \"{field.name}\": ['"
    return (
        f"CASE WHEN w = 0 THEN {name} || 'null, ' || {new} || ']'"
        f" WHEN dies = 1 AND w = life - 1 THEN {name} || {old} || ', null]'"
        f" WHEN (w + phase) % {field.period} = 0 THEN {name} || {old} || ', ' || {new} || ']' ELSE '' END"
    )


def _value(field: GrownField, moment: str) -> str:
    """The field's value after the object's entry ``moment``, as JSON text; two that follow each other differ."""
    turn = f"(({moment} + phase) / {field.period})"
    if field.kind in CHOICES:
        options = CHOICES[field.kind]
        cases = " ".join(f"WHEN {index} THEN '\"{option}\"'" for index, option in enumerate(options))
        return f"(CASE {turn} % {len(options)} {cases} END)"
    return {
        "int": f"((born * 31 + {turn} * 7) % 900 + 1)",
        "decimal": f"('\"' || ((born * 17 + {turn} * 3) % 400) || '.' || ({turn} % 90 + 10) || '\"')",
        "text": f"('\"{field.name} ' || born || '-' || {turn} || '\"')",
        "bool": f"(CASE {turn} % 2 WHEN 0 THEN 'true' ELSE 'false' END)",
        "json": f"('{{\"newsletter\": ' || (CASE {turn} % 2 WHEN 0 THEN 'true' ELSE 'false' END) || '}}')",
    }[field.kind]
