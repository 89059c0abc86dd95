"""docs/works-with.md: geometries on real spatial databases, PostGIS, MariaDB and SpatiaLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from ctypes.util import find_library
from pathlib import Path

import pytest
from django.db import connection

from tests import pgtemp
from tests.conftest import CI
from tests.small_projects import Project, empty_database

POSTGIS = [
    Path(f"/usr/lib/postgresql/{path.parents[1].name}/bin")
    for path in sorted(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))
]


def what_is_missing() -> str:
    """Why geometries cannot be tested here."""
    if not (find_library("geos_c") and find_library("gdal")):
        return "GeoDjango needs the libraries GEOS and GDAL: install the package gdal-bin"
    if connection.vendor == "postgresql" and not POSTGIS:
        return "no PostGIS: install the package postgresql-15-postgis-3"
    if connection.vendor == "sqlite" and not hasattr(sqlite3.Connection, "enable_load_extension"):
        return "SpatiaLite is an extension, and this Python was built without loading extensions"
    if connection.vendor == "sqlite" and not find_library("spatialite"):
        return "no SpatiaLite: install the package libsqlite3-mod-spatialite"
    return ""


MISSING = what_is_missing()
REQUIRED = CI and connection.vendor != "sqlite"

pytestmark = pytest.mark.skipif(bool(MISSING) and not REQUIRED, reason=MISSING)


@pytest.fixture
def project(tmp_path: Path, db: None) -> Iterator[Project]:
    """On PostgreSQL with a server of its own: that of the other tests has no PostGIS."""
    with ExitStack() as running:
        if connection.vendor == "postgresql":
            name, environment = "postgres", {"PGSOCK": running.enter_context(pgtemp.server(POSTGIS[-1]))}
        else:
            name, environment = running.enter_context(empty_database("geo", tmp_path)), {}
        project = Project("tests.geo.settings", name, environment)
        project.play("migrate('--run-syncdb')")
        yield project


WRITES = """
from django.contrib.gis.geos import Point, Polygon
from auditlog.models import Entry
from tests.geo.models import Place

square = Polygon(((0, 0), (0, 2), (2, 2), (2, 0), (0, 0)))
place = Place.objects.create(name="a", spot=Point(1, 2.5), area=square)
place.save()
place.spot = Point(3, 4)
place.save()
Place.objects.bulk_create([Place(name="b", spot=Point(5, 6, srid=4326))])
Place.objects.filter(name="b").update(area=square, spot=Point(7, 8))
Place.objects.create(name="c", spot=Point(0, 0))
Place.objects.filter(name="c").delete()
spots = [[e.get_action_display(), e.object_id, e.changes.get("spot"), e.changes.get("area")]
         for e in Entry.objects.exclude(action=9).order_by("pk")]
result = [spots, drift()]
"""
SQUARE = "SRID=4326;POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0))"


def text(x: float, y: float) -> str:
    return f"SRID=4326;POINT ({x} {y})"


def test_geometries_on_every_write_path(project: Project) -> None:
    entries, drift = project.play(WRITES)

    assert entries == [
        ["create", "1", [None, text(1, 2.5)], [None, SQUARE]],
        ["update", "1", [text(1, 2.5), text(3, 4)], None],
        ["create", "2", [None, text(5, 6)], [None, None]],
        ["update", "2", [text(5, 6), text(7, 8)], [None, SQUARE]],
        ["create", "3", [None, text(0, 0)], [None, None]],
        ["delete", "3", [text(0, 0), None], [None, None]],
    ]
    assert drift == [0, []]


def test_drift_in_a_geometry(project: Project) -> None:
    """What a program wrote that does not record."""
    create = "from django.contrib.gis.geos import Point\nfrom tests.geo.models import Place\n"
    project.play(f"{create}Place.objects.create(name='a', spot=Point(1, 2))")
    project.play(
        f"{create}from auditlog.testing import disabled\nwith disabled():\n    Place.objects.update(spot=Point(9, 9))"
    )

    assert project.play("result = drift()") == [1, [["changed outside the log", "geo.place", "1", "spot"]]]
