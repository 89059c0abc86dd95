"""Geometries, where GeoDjango's libraries are installed; no database with geometries is at hand."""

from __future__ import annotations

from ctypes.util import find_library
from importlib import import_module
from typing import Any

import pytest

from auditlog.capture.values import Codec, Unsettled, codec_for

pytestmark = pytest.mark.skipif(
    not (find_library("geos_c") and find_library("gdal")), reason="GeoDjango needs the libraries GEOS and GDAL"
)


def point(*coordinates: float, srid: int | None = None) -> Any:
    return import_module("django.contrib.gis.geos").Point(*coordinates, srid=srid)


def codec(kind: str = "PointField", **options: Any) -> Codec:
    field = getattr(import_module("django.contrib.gis.db.models"), kind)(**options)
    field.set_attributes_from_name("value")
    return codec_for(field, "postgresql")


def test_a_geometry_is_recorded_as_text_with_its_reference_system() -> None:
    points = codec()

    assert points.canonical(point(1, 2.5, srid=4326)) == "SRID=4326;POINT (1 2.5)"
    assert points.canonical(point(1, 2.5)) == "SRID=4326;POINT (1 2.5)"
    assert points.canonical(point(1, 2.5, 3)) == "SRID=4326;POINT Z (1 2.5 3)"
    assert codec(srid=-1).canonical(point(1, 2.5)) == "POINT (1 2.5)"
    assert points.canonical(None) is None


def test_the_text_is_taken_back_by_the_field() -> None:
    points, text = codec(), "SRID=4326;POINT (1 2.5)"
    geometry = import_module("django.contrib.gis.geos").GEOSGeometry

    assert points.decode(points.encode(text)) == text
    assert points.canonical(geometry(points.decode(text))) == text
    assert points.equal(text, "SRID=4326;POINT (1 2.5)")
    assert not points.equal(text, "SRID=4326;POINT (1 2)")


@pytest.mark.parametrize("value", ["POINT (1 2)", b"\x01", 5])
def test_what_is_not_a_geometry_yet_is_left_to_the_database(value: Any) -> None:
    with pytest.raises(Unsettled):
        codec().canonical(value)


def test_another_reference_system_is_transformed_by_the_database() -> None:
    with pytest.raises(Unsettled):
        codec().canonical(point(1, 2, srid=3857))


def test_a_raster_stands_for_itself() -> None:
    rasters, raster = codec("RasterField"), object()

    assert rasters.canonical(raster) is raster
    assert str(rasters.encode(raster)).startswith("<object object")
