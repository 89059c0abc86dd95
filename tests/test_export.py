"""The export: auditlog.export and the command auditlog_export."""

from __future__ import annotations

import csv
import datetime as dt
import errno
import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from auditlog.export import progress
from auditlog.export.cells import cell, harmless
from auditlog.export.files import atomic_file
from auditlog.export.rows import COLUMNS, rows_of
from auditlog.export.run import Export
from auditlog.export.source import Source
from auditlog.management.commands.auditlog_export import Command
from auditlog.models import Action, Entry
from tests.entry_factory import CHANGESET, NOON, make_entry

DJANGO_OPTIONS = (
    "-h", "--help", "--version", "-v", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color",
    "--force-color", "--skip-checks",
)  # fmt: skip

# --- cells and rows: pure


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+34 600 000 000",
        "-1+1",
        "-",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "  =1",
        " \n =1",
        "\xa0=1",
        "\ufeff=1",
        "\u200b\u2060 =1",
        "\x01=1",
        "\uff1d1",  # full-width
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "\ufe661",  # small
        "-5=1",
        "--5",
        "-5 ",
    ],
)
def test_what_a_spreadsheet_takes_for_a_formula_is_neutralised(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["", "-5", "-12.50", "-1.5E+3", "5", "a=b", "ana@example.org", " x", "'=1", "—", "é"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("None", "None"),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (-1e-07, "-1e-07"),
        ("=1", "'=1"),
        ({"a": "é"}, '{"a": "é"}'),
        ([1, None], "[1, null]"),
    ],
)
def test_values_become_cells(value: Any, text: str) -> None:
    assert cell(value) == text


def an_entry(**values: Any) -> Entry:
    defaults: dict[str, Any] = {
        "id": 7,
        "recorded_at": NOON,
        "action": Action.UPDATE,
        "model": "testapp.product",
        "object_id": "1",
        "object_repr": "Lamp",
        "changes": {},
        "actor_id": 3,
        "actor_repr": "ana",
        "changeset": CHANGESET,
        "remote_addr": "10.0.0.1",
        "reason": "stocktaking",
    }
    return Entry(**{**defaults, **values})


FACTS = [
    "7", "2026-03-01T12:00:00.123456+00:00", "update", "", "testapp.product", "1", "Lamp", "3", "ana", str(CHANGESET),
    "10.0.0.1", "stocktaking",
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, [["", "", ""]]),
        ({"price": ["10.00", "12.00"], "on": [None, True]}, [["on", "", "true"], ["price", "10.00", "12.00"]]),
        ({"password": {"masked": True}}, [["password", "••••", "••••"]]),
        ({"tags": {"added": [[1, "red"], [2, ""]], "removed": [[3, "=x"]]}}, [["tags", "'=x", "red, 2"]]),
        ({"tags": {"added": [[1, "red"]], "removed": []}}, [["tags", "", "red"]]),
        ({"tags": {"added": [[1, "red"]]}}, [["tags", "", "red"]]),
        ({"details": [{"a": 1}, ["x"]]}, [["details", '{"a": 1}', '["x"]']]),
        ({"total": {"sum": 5}}, [["total", "", '{"sum": 5}']]),
        ({"=cmd": [1, 2]}, [["'=cmd", "1", "2"]]),
    ],
)
def test_an_entry_gives_one_row_per_change(changes: dict[str, Any], rows: list[list[str]]) -> None:
    assert list(rows_of(an_entry(changes=changes))) == [[*FACTS, *row] for row in rows]


def test_an_entry_gives_one_row_with_its_changes_as_json() -> None:
    entry = an_entry(
        changes={"stock": [1, 2], "name": ["a", "é"]}, actor_id=None, actor_repr="", remote_addr=None, reason="=1"
    )

    assert list(rows_of(entry, "entry")) == [
        [*FACTS[:7], "", "", FACTS[9], "", "'=1", '{"name": ["a", "é"], "stock": [1, 2]}']
    ]


def test_the_columns_are_those_that_were_promised() -> None:
    facts = (
        "id, recorded_at, action, event, model, object_id, object_repr, actor_id, actor, changeset, remote_addr, reason"
    )

    assert ", ".join(COLUMNS["change"]) == facts + ", field, old, new"
    assert ", ".join(COLUMNS["entry"]) == facts + ", changes"


def test_times_are_in_utc_whatever_zone_they_come_in() -> None:
    there = NOON.astimezone(dt.timezone(dt.timedelta(hours=5)))

    assert next(rows_of(an_entry(recorded_at=there)))[1] == FACTS[1]


# --- the source


@pytest.mark.django_db
def test_entries_come_oldest_first_in_chunks_of_one_query_each() -> None:
    keys = [make_entry().pk for _ in range(5)]
    found = Source.of(Entry.objects.all())

    with CaptureQueriesContext(connection) as queries:
        chunks = [[entry.pk for entry in chunk] for chunk in found.chunks(size=2)]

    assert chunks == [keys[:2], keys[2:4], keys[4:]]
    assert len(queries) == 3


@pytest.mark.django_db
def test_what_is_written_meanwhile_is_not_part_of_it() -> None:
    keys = [make_entry().pk for _ in range(3)]
    chunks = Source.of(Entry.objects.all()).chunks(size=2)

    first = next(chunks)
    make_entry()

    assert [entry.pk for chunk in (first, *chunks) for entry in chunk] == keys


@pytest.mark.django_db
def test_an_empty_log_has_no_chunks() -> None:
    assert list(Source.of(Entry.objects.all()).chunks()) == []


@pytest.mark.django_db
def test_rows_need_no_further_query() -> None:
    make_entry(actor_id=12345)
    [[entry]] = Source.of(Entry.objects.all()).chunks()

    with CaptureQueriesContext(connection) as queries:
        list(rows_of(entry))

    assert len(queries) == 0


# --- the file


def test_a_file_appears_whole_with_the_mode_of_the_umask(tmp_path: Path) -> None:
    target = tmp_path / "log.csv"
    target.write_text("old")
    target.chmod(0o600)
    umask = os.umask(0o027)
    try:
        with atomic_file(target) as stream:
            stream.write("né\r\n")
            assert target.read_text() == "old"
    finally:
        os.umask(umask)

    assert target.read_bytes() == "né\r\n".encode()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "log.csv"
    target.write_text("old")

    def fail() -> None:
        with atomic_file(target) as stream:
            stream.write("half")
            raise error

    with pytest.raises(error):
        fail()

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_file_behind_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "log.csv"
    link.symlink_to(tmp_path / "real" / "log.csv")

    with atomic_file(link) as stream:
        stream.write("new")

    assert link.is_symlink()
    assert (tmp_path / "real" / "log.csv").read_text() == "new"


def test_a_device_is_written_and_not_replaced() -> None:
    with atomic_file(Path(os.devnull)) as stream:
        stream.write("gone")

    assert Path(os.devnull).is_char_device()


# --- the command


def export(**options: Any) -> list[dict[str, str]]:
    out = io.StringIO()
    call_command("auditlog_export", stdout=out, **options)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


@pytest.mark.django_db
def test_the_command_writes_rows_to_standard_output() -> None:
    entry = make_entry(changes={"price": ["10.00", "12.00"], "name": ["a\r\nb", 'say "é", you']})

    rows = export()

    facts = {
        "id": str(entry.pk), "recorded_at": FACTS[1], "action": "update", "event": "", "model": "testapp.product",
        "object_id": "1", "object_repr": "Lamp", "actor_id": "", "actor": "ana", "changeset": str(CHANGESET),
        "remote_addr": "", "reason": "",
    }  # fmt: skip
    assert rows == [
        {**facts, "field": "name", "old": "a\r\nb", "new": 'say "é", you'},
        {**facts, "field": "price", "old": "10.00", "new": "12.00"},
    ]


@pytest.mark.django_db
def test_the_commands_filters_are_those_of_all_ways_out() -> None:
    ana = User.objects.create_user("ana")
    old = make_entry(recorded_at=NOON - dt.timedelta(days=9), object_id="2", actor_repr="bob")
    new = make_entry(action=Action.CREATE, model="testapp.tag", changes={"name": [None, "x"]}, actor_id=ana.pk)

    def keys(**options: Any) -> list[int]:
        return [int(row["id"]) for row in export(**options) if int(row["id"]) in (old.pk, new.pk)]

    assert keys() == [old.pk, new.pk]
    assert keys(model="testapp.tag") == [new.pk]
    assert keys(object="2") == [old.pk]
    assert keys(actor="bob") == [old.pk]
    assert keys(actor=str(ana.pk)) == [new.pk]
    assert keys(action="create") == [new.pk]
    assert keys(field="price") == [old.pk]
    assert keys(since="2026-03-01") == [new.pk]
    assert keys(until="2026-02-28") == [old.pk]
    assert keys(changeset=str(CHANGESET)) == [old.pk, new.pk]


@pytest.mark.django_db
def test_per_entry_gives_the_changes_as_json() -> None:
    make_entry()

    [row] = export(per="entry")

    assert json.loads(row["changes"]) == {"price": ["10.00", "12.00"]}


@pytest.mark.django_db
def test_the_command_writes_a_file_with_a_byte_order_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_entry(object_repr="Lámpara")
    target = tmp_path / "log.csv"

    call_command("auditlog_export", output=str(target), bom=True)

    text = target.read_bytes().decode()
    assert text.startswith("\ufeffid,recorded_at,")
    assert text.count("\r\n") == 2
    assert "Lámpara" in text
    assert capsys.readouterr().out == f"1 entries in 1 rows written to {target}.\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": "testapp.tagg"},
            "--model: There is no model “testapp.tagg”; a model is written as app.model. Did you mean “testapp.tag”?",
        ),
        (
            {"since": "soon"},
            "--since: “soon” is not a date such as 2026-09-30 or a time such as 2026-09-30T14:00:00+02:00.",
        ),
        ({"actor": "a\udc80"}, "--actor: The value holds characters that no entry can hold."),
    ],
)
def test_wrong_usage_is_said_with_exit_code_2(options: dict[str, str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        export(**options)

    assert (str(caught.value), caught.value.returncode) == (message, 2)


@pytest.mark.django_db
def test_a_folder_that_is_not_there_is_said_with_exit_code_1(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "log.csv"

    with pytest.raises(CommandError) as caught:
        call_command("auditlog_export", output=str(target))

    assert str(caught.value) == f"{target} cannot be written: {os.strerror(errno.ENOENT)}."
    assert caught.value.returncode == 1


@pytest.mark.django_db
def test_a_folder_as_output_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: Is a directory"):
        call_command("auditlog_export", output=str(tmp_path))


@pytest.mark.django_db(transaction=True)
def test_a_missing_table_is_said() -> None:
    table = Entry._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(Entry, table, "elsewhere")
    try:
        with pytest.raises(CommandError, match=r"The entries cannot be read: .*manage\.py migrate"):
            export()
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Entry, "elsewhere", table)


@pytest.mark.django_db
def test_an_interrupt_removes_the_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_entry()

    def interrupted(self: Source, size: int = 1) -> Iterator[list[Entry]]:
        yield list(self.entries)
        raise KeyboardInterrupt

    monkeypatch.setattr(Source, "chunks", interrupted)
    with pytest.raises(SystemExit) as caught:
        call_command("auditlog_export", output=str(tmp_path / "log.csv"))

    assert caught.value.code == 130
    assert capsys.readouterr().err == "Interrupted; no file was written.\n"
    assert list(tmp_path.iterdir()) == []


# --- the progress bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.django_db
def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(tmp_path: Path) -> None:
    make_entry()
    terminal, pipe = Terminal(), io.StringIO()

    call_command("auditlog_export", output=str(tmp_path / "a.csv"), stdout=io.StringIO(), stderr=terminal)
    call_command("auditlog_export", output=str(tmp_path / "b.csv"), stdout=io.StringIO(), stderr=pipe)

    assert "100%" in terminal.getvalue()
    assert pipe.getvalue() == ""


@pytest.mark.django_db
def test_a_bar_over_nothing_ends() -> None:
    terminal = Terminal()

    written = Export(entries=Entry.objects.none()).to_stream(io.StringIO(), bar=terminal)

    assert (written.entries, written.rows) == (0, 0)
    assert "0.00 ids" in terminal.getvalue()


@pytest.mark.django_db
def test_without_tqdm_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    make_entry()
    monkeypatch.setattr(progress, "tqdm", None)
    terminal, out = Terminal(), io.StringIO()

    written = Export(entries=Entry.objects.all()).to_stream(out, bar=terminal)

    assert (written.entries, written.rows, terminal.getvalue()) == (1, 1, "")


# --- the command as a process


def process(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """The command on the test's own database, in a terminal whose encoding is not UTF-8."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DB_NAME": str(connection.settings_dict["NAME"]),
        "PYTHONIOENCODING": "ascii",
    }
    command = [sys.executable, "-m", "django", "auditlog_export", *arguments]
    root = Path(__file__).resolve().parent.parent
    return subprocess.Popen(
        command, env=environment, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


@pytest.mark.django_db(transaction=True)
def test_standard_output_is_utf8_whatever_the_terminal_says() -> None:
    make_entry(object_repr="Lámpara")

    with process() as command:
        out, err = command.communicate(timeout=60)

    assert (command.returncode, err) == (0, b"")
    assert out.splitlines()[1].decode().split(",")[6] == "Lámpara"


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    Entry.objects.bulk_create(an_entry(id=None, reason="x" * 500) for _ in range(1000))

    with process() as command:
        assert command.stdout is not None
        assert command.stderr is not None
        begin = command.stdout.read(10)
        command.stdout.close()
        err = command.stderr.read()
        command.wait(timeout=60)

    assert (begin, command.returncode, err) == (b"id,recorde", 141, b"")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--per", "month"], 2, "invalid choice: 'month'"),
        (["--database", "nowhere"], 2, "invalid choice: 'nowhere'"),
        (["--model", "testapp.produkt"], 2, "Did you mean “testapp.product”?"),
        (["--output", "/nowhere/log.csv"], 1, "/nowhere/log.csv cannot be written: No such file or directory."),
    ],
)
def test_exit_codes_of_the_process(arguments: list[str], code: int, message: str) -> None:
    with process(*arguments) as command:
        _, err = command.communicate(timeout=60)

    assert command.returncode == code
    assert message.encode("ascii", "backslashreplace") in err
    assert b"Traceback" not in err


# --- the docs


def test_the_docs_name_every_option_column_and_exit_code() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "export.md").read_text()
    parser = Command().create_parser("manage.py", "auditlog_export")
    ours = {option for action in parser._actions for option in action.option_strings} - set(DJANGO_OPTIONS)

    assert {option for option in ours if f"`{option}" not in page} == set()
    assert set(re.findall(r"^\| `(--[a-z]+)", page, re.MULTILINE)) | {"--until"} == ours - {"-o"}
    assert ", ".join(COLUMNS["change"]) in " ".join(page.split())
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == ["0", "1", "2", "130", "141"]
