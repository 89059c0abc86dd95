"""docs/from-django-auditlog.md: the names that it promises exist, and the log stands beside the old table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.core.management import get_commands
from django.db import connection

import auditlog
from auditlog.capture.options import Options
from auditlog.conf import Settings
from auditlog.exceptions import RegistrationError
from auditlog.models import Entry
from tests.small_projects import ROOT, Project, empty_database

PAGE = (ROOT / "docs" / "from-django-auditlog.md").read_text()
THEIRS = (
    "0001_initial", "0002_auto_support_long_primary_keys", "0003_logentry_remote_addr",
    "0004_logentry_detailed_object_repr", "0005_logentry_additional_data_verbose_name", "0006_object_pk_index",
    "0007_object_pk_type", "0008_action_index", "0009_alter_logentry_additional_data", "0010_alter_logentry_timestamp",
    "0011_logentry_serialized_data", "0012_add_logentry_action_access", "0013_alter_logentry_timestamp",
    "0014_logentry_cid", "0015_alter_logentry_changes", "0016_logentry_remote_port", "0017_add_actor_email",
)  # fmt: skip
OURS = tuple(sorted(path.stem for path in (ROOT / "auditlog" / "migrations").glob("0*.py")))

LEFT = f"""
from django.db import models
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.migrations.recorder import MigrationRecorder

class LogEntry(models.Model):
    content_type = models.ForeignKey(ContentType, models.CASCADE, related_name="+")
    object_pk = models.CharField(max_length=255)
    object_repr = models.TextField()
    action = models.PositiveSmallIntegerField()
    changes = models.JSONField(null=True)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    timestamp = models.DateTimeField()

    class Meta:
        app_label = "left"
        db_table = "auditlog_logentry"

migrate()
with connection.schema_editor() as editor:
    editor.create_model(LogEntry)
recorder = MigrationRecorder(connection)
for name in {THEIRS!r}:
    recorder.record_applied("auditlog", name)
ana = User.objects.create(username="ana")
LogEntry.objects.create(
    content_type=ContentType.objects.get_for_model(User), object_pk="7", object_repr="ben", action=1,
    changes={{"username": ["b", "ben"]}}, actor=ana, timestamp="2024-02-29T12:00:00Z",
)
"""
ROWS = """
result = {
    "tables": sorted(t for t in connection.introspection.table_names() if t.startswith("auditlog")),
    "migrations": [n for n, in sql("SELECT name FROM django_migrations WHERE app = 'auditlog' ORDER BY name")],
}
"""


@pytest.fixture
def left(tmp_path: Path, db: None) -> Iterator[Project]:
    """A project whose database still holds the table of django-auditlog, one entry, and its migrations' rows."""
    with empty_database("left", tmp_path) as name:
        project = Project("tests.adopted.settings", name)
        project.play(LEFT, ADOPTED="before")
        yield project


def in_the_tables() -> list[str]:
    """The column *here* of the page's tables of names."""
    part = PAGE[PAGE.index("## Name by name") : PAGE.index("## Migrations that depend on it")]
    cells = [line.split("|")[2].strip() for line in part.splitlines() if line.startswith("|")]
    return [cell for cell in cells if cell not in ("here", "---", "")]


def attribute(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


KINDS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    (r'AUDITLOG\["(\w+)"\]', Settings.__annotations__.__getitem__),
    (r"register\((\w+)=\)", lambda name: inspect.signature(Options).parameters[name]),
    (r"manage\.py (\w+)", lambda name: get_commands()[name]),
    (r"{% (\w+) %}", lambda name: attribute("auditlog.templatetags.auditlog.register").tags[name]),
    (r"Entry\.objects\.(\w+)", lambda name: getattr(Entry.objects, name)),
    (r"Entry\.(\w+)", Entry._meta.get_field),
    (r"auditlog\.(view_\w+)", lambda code: {"view_entry": "default", **dict(Entry._meta.permissions)}[code]),
    (r"(auditlog\.[\w.]+)", attribute),
)


def resolved(name: str) -> Any:
    """What a name of that column stands for; an error where there is nothing."""
    kind, find = next((kind, find) for kind, find in KINDS if re.fullmatch(kind, name))
    return find(re.sub(kind, r"\1", name))


def test_every_row_of_the_tables_has_three_cells() -> None:
    part = PAGE[PAGE.index("## Name by name") : PAGE.index("## Migrations that depend on it")]
    rows = [line for line in part.splitlines() if line.startswith("|")]

    assert len(rows) > 50
    assert [row for row in rows if len(row.split("|")) != 5] == []


@pytest.mark.parametrize("name", sorted({name for cell in in_the_tables() for name in re.findall("`([^`]+)`", cell)}))
def test_what_the_page_promises_exists(name: str) -> None:
    assert resolved(name) is not None


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("auditlog.set_actor", AttributeError),
        ("Entry.cid", FieldDoesNotExist),
        ('AUDITLOG["CID"]', KeyError),
        ("register(m2m_fields=)", KeyError),
        ("manage.py auditlogflush", KeyError),
    ],
)
def test_what_does_not_exist_would_be_noticed(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolved(name)


def test_no_migration_of_ours_has_the_name_of_one_of_theirs() -> None:
    assert OURS
    assert set(OURS).isdisjoint(THEIRS)


def test_the_log_is_made_beside_the_old_table(left: Project) -> None:
    made = left.play(f"migrate(){ROWS}")
    undone = left.play(f'migrate("auditlog", "zero"){ROWS}')
    told = left.play(
        'migrate()\nfrom tests.adopted.models import Book\nBook.objects.create(title="Galatea")\nresult = told()'
    )

    assert made == {"tables": ["auditlog_entry", "auditlog_logentry"], "migrations": sorted((*OURS, *THEIRS))}
    assert undone == {"tables": ["auditlog_logentry"], "migrations": sorted(THEIRS)}
    assert told == [["CREATE", "adopted.book", "1", ["author", "id", "price", "title"]]]


def test_prune_takes_their_rows_only(left: Project) -> None:
    rows = left.play(f'migrate()\nmigrate("auditlog", "--prune"){ROWS}')

    assert rows == {"tables": ["auditlog_entry", "auditlog_logentry"], "migrations": list(OURS)}


CHECK = """
from django.core.checks import run_checks
found = [m for m in run_checks(databases=["default"]) if m.id == "auditlog.W006"]
"""
DELETE = """
from django.db import IntegrityError
from django.contrib.auth.models import User
try:
    with transaction.atomic():
        User.objects.get(username="ana").delete()
    deleted = True
except IntegrityError:
    deleted = False
"""


def test_w006_and_what_it_advises(left: Project) -> None:
    """Before it, users whom the old entries name cannot be deleted; after it they can, and every old entry is there."""
    left.play("migrate()")
    before = left.play(f"{CHECK}{DELETE}result = [[m.msg for m in found], deleted]")
    advice = left.play(f"{CHECK}result = found[0].hint.partition(': ')[2]")
    after = left.play(
        f"for statement in {advice!r}.split('; '):\n    sql(statement.rstrip(';'))\n{CHECK}{DELETE}"
        "from tests.adopted.old_entries import OldEntry\n"
        "result = [[m.msg for m in found], deleted, [[e.actor_id, e.object_pk, e.changes, e.timestamp.isoformat()] "
        "for e in OldEntry.objects.all()]]"
    )

    message = (
        "Table auditlog_logentry of database 'default', left by django-auditlog, points at auth_user, "
        "django_content_type: rows there that it names can no longer be deleted."
    )
    assert before == [[message], False]
    assert after == [[], True, [[1, "7", {"username": ["b", "ben"]}, "2024-02-29T12:00:00+00:00"]]]
    kind = {"sqlite": "CREATE TABLE", "mysql": "DROP FOREIGN KEY", "postgresql": "DROP CONSTRAINT"}[connection.vendor]
    assert advice.count(kind) == {"sqlite": 1}.get(connection.vendor, 2)
    assert kind in PAGE


@pytest.mark.parametrize("name", ["", "0001_entry"])
def test_a_migration_that_depended_on_theirs(tmp_path: Path, db: None, name: str) -> None:
    """It fails with the message that the page shows, and works with what the page advises."""
    with empty_database("depending", tmp_path) as database:
        project = Project("tests.adopted.settings", database)
        error = project.fails("migrate()", DEPENDS_ON="0001_initial")
        done = project.play(f"migrate(){ROWS}", DEPENDS_ON=name)

    assert error.partition(": ")[2] == (
        "Migration adopted.0001_initial dependencies reference nonexistent parent node ('auditlog', '0001_initial')"
    )
    assert error.partition(": ")[2].replace("adopted.0001_initial", "shop.0007_history") in PAGE
    assert done == {"tables": ["auditlog_entry"], "migrations": list(OURS)}


def test_the_old_argument_names_are_errors_that_name_the_new_ones() -> None:
    with pytest.raises(RegistrationError, match=r"it takes .*exclude.*include.*m2m.*mask"):
        auditlog.register(Entry, include_fields=["action"])


def test_the_example_is_the_one_that_is_tested() -> None:
    example = (
        (ROOT / "tests" / "adopted" / "old_entries.py").read_text().partition("# shown in the docs from here\n")[2]
    )

    assert f"# tests/adopted/old_entries.py\n\n{example}```" in PAGE
