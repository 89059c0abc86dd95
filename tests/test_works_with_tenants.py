"""docs/works-with.md: django-tenants, with the audit log among the shared apps, the tenants' apps, or both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.small_projects import Project, empty_database

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="schemas: run with DB=postgres")

PRELUDE = """
from django.core.management import execute_from_command_line
from django_tenants.utils import schema_context
from tests.tenanted.shared.models import Company, Plan
from tests.tenanted.shop.models import Product

def entries():
    tables = sql("SELECT schemaname FROM pg_tables WHERE tablename = 'auditlog_entry' ORDER BY 1")
    query = "SELECT model, object_id, changes::text FROM {}.auditlog_entry WHERE action <> 9 ORDER BY id"
    return {schema: sql(query.format(schema)) for schema, in tables}

def drift_in(schema, *models):
    with schema_context(schema):
        return drift("--model", *models)
"""
PRODUCTS = """
for schema in ("a", "b"):
    with schema_context(schema):
        product = Product.objects.create(name=f"of {schema}")
        product.name += "!"
        product.save()
"""
PLANS = """
plan = Plan.objects.create(name="free")
with schema_context("a"):
    plan.name = "dear"
    plan.save()
"""
VERIFY = """
arguments = ["auditlog_verify", "--drift", "--model", "shop.product", "--schema={}"]
try:
    execute_from_command_line(["manage.py", "tenant_command", *arguments])
    result = 0
except SystemExit as stop:
    result = stop.code
"""
OF_A, OF_B = (
    [
        ["shop.product", "1", f'{{"id": [null, 1], "name": [null, "of {tenant}"]}}'],
        ["shop.product", "1", f'{{"name": ["of {tenant}", "of {tenant}!"]}}'],
    ]
    for tenant in "ab"
)
CREATED = ["shared.plan", "1", '{"id": [null, 1], "name": [null, "free"]}']
CHANGED = ["shared.plan", "1", '{"name": ["free", "dear"]}']


@pytest.fixture
def project(tmp_path: Path, db: None, request: pytest.FixtureRequest) -> Iterator[Project]:
    """Two tenants; the audit log stands where the test says."""
    with empty_database("tenants", tmp_path) as name:
        project = Project("tests.tenanted.settings", name, {"AUDITLOG_IN": request.param})
        project.play(
            f"{PRELUDE}call_command('migrate_schemas', '--shared', verbosity=0)\n"
            "for name in ('a', 'b'):\n    Company.objects.create(schema_name=name)"
        )
        yield project


def played(project: Project, code: str) -> Any:
    return project.play(PRELUDE + code)


@pytest.mark.parametrize("project", ["shared tenant"], indirect=True)
def test_in_both_each_schema_has_its_log(project: Project) -> None:
    """An entry lands in the schema that is set at that moment, also one about a shared row."""
    recorded = played(project, f"{PRODUCTS}{PLANS}result = entries()")
    products = played(project, "result = [drift_in(schema, 'shop.product') for schema in ('a', 'b')]")
    plans = played(project, "result = drift_in('public', 'shared.plan')")

    assert recorded == {"a": [*OF_A, CHANGED], "b": OF_B, "public": [CREATED]}
    assert products == [[0, []], [0, []]]
    assert plans == [1, [["changed outside the log", "shared.plan", "1", "name"]]]


@pytest.mark.parametrize("project", ["shared tenant"], indirect=True)
def test_in_both_shared_rows_are_written_in_the_public_schema(project: Project) -> None:
    code = PLANS.replace("    plan.save()", "    with schema_context('public'):\n        plan.save()")
    recorded = played(project, f"{code}result = [entries(), drift_in('public', 'shared.plan')]")

    assert recorded == [{"a": [], "b": [], "public": [CREATED, CHANGED]}, [0, []]]


@pytest.mark.parametrize("project", ["shared tenant"], indirect=True)
@pytest.mark.parametrize(("schema", "expected"), [("a", 1), ("b", 0)])
def test_commands_run_in_a_tenant_by_the_packages_own_command(project: Project, schema: str, expected: int) -> None:
    """A row of tenant a was changed past the log, through the driver."""
    played(project, f"{PRODUCTS}connection.connection.execute(\"UPDATE a.shop_product SET name = 'sql'\")")

    code = played(project, VERIFY.format(schema))

    assert code == expected


@pytest.mark.parametrize("project", ["shared"], indirect=True)
def test_in_the_shared_apps_all_tenants_share_one_log(project: Project) -> None:
    """Their keys are the same, so that nobody can tell their objects apart, and neither can the verification."""
    recorded = played(project, f"{PRODUCTS}{PLANS}result = entries()")
    drift = played(project, "result = drift_in('a', 'shop.product')")

    assert recorded == {"public": [*OF_A, *OF_B, CREATED, CHANGED]}
    assert drift == [
        1,
        [["gap in the chain", "shop.product", "1", None], ["changed outside the log", "shop.product", "1", "name"]],
    ]


@pytest.mark.parametrize("project", ["tenant"], indirect=True)
def test_in_the_tenants_apps_shared_rows_cannot_be_recorded(project: Project) -> None:
    recorded = played(project, f"{PRODUCTS}result = entries()")
    error = project.fails(PRELUDE + PLANS)

    assert recorded == {"a": OF_A, "b": OF_B}
    assert error.startswith("auditlog.exceptions.RecordingError: The change was not made because its entry could not")
