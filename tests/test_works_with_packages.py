"""docs/works-with.md: packages whose models write in ways of their own, in a project with the real packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_projects import Project, empty_database

MODELS = """
from tests.works.models import *
from auditlog.exceptions import UnrecordedWriteError
from auditlog.models import Entry
from auditlog.testing import assert_nothing_unrecorded
def mark():
    return Entry.objects.latest("pk").pk
"""
NODE = ["depth", "id", "name", "numchild", "path"]


@pytest.fixture
def project(tmp_path: Path, db: None) -> Iterator[Project]:
    with empty_database("works", tmp_path) as name:
        project = Project("tests.works.settings", name)
        project.play("migrate()")
        yield project


TREEBEARD = f"""{MODELS}
def node(name):
    return Category.objects.get(name=name)
with assert_nothing_unrecorded():
    for name in "az":
        Category.objects.add_root({{"name": name}})
    Category.objects.add_child(node("a"), {{"name": "b"}})
    Category.objects.add_child(node("b"), {{"name": "c"}})
    made = mark()
    Category.objects.move(node("b"), node("z"), "first-child")
    moved = told(made)
    node("b").delete()
    Category.objects.load_bulk([{{"data": {{"name": "k"}}, "children": [{{"data": {{"name": "l"}}}}]}}])
    Category.objects.fix_tree()
result = [sorted(moved), [[n.name, n.path] for n in Category.objects.all()], drift("--model", "works.category")]
"""


def test_treebeard_writes_by_the_orm_and_all_is_recorded(project: Project) -> None:
    moved, nodes, drift = project.play(TREEBEARD)

    assert moved == [
        ["UPDATE", "works.category", "1", ["numchild"]],
        ["UPDATE", "works.category", "2", ["numchild"]],
        ["UPDATE", "works.category", "3", ["path"]],
        ["UPDATE", "works.category", "4", ["path"]],
    ]
    assert nodes == [["a", "0001"], ["z", "0002"], ["k", "0003"], ["l", "00030001"]]
    assert drift == [0, []]


MPTT = f"""{MODELS}
from mptt.managers import __file__ as theirs
for name, parent in (("a", None), ("z", None), ("b", "a"), ("c", "b")):
    Section.objects.create(name=name, parent=Section.objects.filter(name=parent).first())
def move(refuse):
    b, z = Section.objects.get(name="b"), Section.objects.get(name="z")
    if not refuse:
        b.move_to(z)
        return
    try:
        with assert_nothing_unrecorded():
            b.move_to(z)
    except UnrecordedWriteError as error:
        return str(error).startswith(theirs), "recorded table works_section" in str(error)
made = mark()
result = [move(refuse=True), move(refuse=False), told(made), drift("--model", "works.section")]
"""


def test_mptt_writes_its_columns_by_sql(project: Project) -> None:
    """The move itself is recorded, the columns of the tree are not: the tripwire names the place, drift the rows."""
    refused, _, moved, [code, found] = project.play(MPTT)

    assert refused == [True, True]
    assert moved == [["UPDATE", "works.section", "3", ["parent"]]]
    assert code == 1
    assert {field for _, _, _, field in found} <= {"lft", "rght", "tree_id", "level"}
    assert {kind for kind, _, _, _ in found} == {"changed outside the log"}
    assert {key for _, _, key, _ in found} >= {"2", "3", "4"}


def test_mptt_without_its_columns_has_no_drift(project: Project) -> None:
    refused, _, moved, drift = project.play(MPTT, WORKS="without-tree-columns")

    assert refused == [True, True]
    assert moved == [["UPDATE", "works.section", "3", ["parent"]]]
    assert drift == [0, []]


POLYMORPHIC = f"""{MODELS}
with assert_nothing_unrecorded():
    Truck.objects.create(name="t", load=5)
    Vehicle.objects.create(name="v")
    for vehicle in Vehicle.objects.order_by("pk"):
        vehicle.name += "!"
        vehicle.save()
    Vehicle.objects.instance_of(Truck).update(name="x")
    Truck.objects.update(load=7)
    Vehicle.objects.get(name="x").delete()
result = [told(), drift("--model", "works.vehicle", "works.truck")]
"""


def test_polymorphic(project: Project) -> None:
    told, drift = project.play(POLYMORPHIC)

    assert told == [
        ["CREATE", "works.vehicle", "1", ["id", "name", "polymorphic_ctype"]],
        ["CREATE", "works.truck", "1", ["load", "vehicle_ptr"]],
        ["CREATE", "works.vehicle", "2", ["id", "name", "polymorphic_ctype"]],
        ["UPDATE", "works.vehicle", "1", ["name"]],
        ["UPDATE", "works.vehicle", "2", ["name"]],
        ["UPDATE", "works.vehicle", "1", ["name"]],
        ["UPDATE", "works.truck", "1", ["load"]],
        ["DELETE", "works.truck", "1", ["load", "vehicle_ptr"]],
        ["DELETE", "works.vehicle", "1", ["id", "name", "polymorphic_ctype"]],
    ]
    assert drift == [0, []]
