"""The demonstration's reader of HTML forms sends what a browser would send."""

from __future__ import annotations

import pytest

from project.shop.demo.forms import read_form

PAGE = """
<form><input name="csrf" value="other"><input name="q"></form>
<form method="post" action="/there/">
  <input type="hidden" name="csrf" value="abc">
  <input name="name" value="Ana &amp; Otto"><input type="text" name="empty">
  <input type="checkbox" name="on" checked><input type="checkbox" name="off">
  <input type="checkbox" name="both" value="1" checked><input type="checkbox" name="both" value="2" checked>
  <input type="radio" name="one" value="a"><input type="radio" name="one" value="b" checked>
  <input type="submit" name="save" value="Save"><input type="file" name="sheet">
  <textarea name="note">
Line &lt;1&gt;
Line 2</textarea>
  <select name="first"><option value="x">X</option><option value="y">Y</option></select>
  <select name="chosen"><option value="x">X</option><option value="y" selected>Y</option></select>
  <select name="many" multiple><option value="1" selected>1</option><option value="2">2</option>
    <option value="3" selected>3</option></select>
  <select name="none" multiple><option value="1">1</option></select>
</form>
"""


def test_it_reads_the_form_that_has_the_field() -> None:
    form = read_form(PAGE, holding="note")
    assert form.action == "/there/"
    assert form.values == {
        "csrf": ["abc"],
        "name": ["Ana & Otto"],
        "empty": [""],
        "on": ["on"],
        "both": ["1", "2"],
        "one": ["b"],
        "note": ["Line <1>\nLine 2"],
        "first": ["x"],
        "chosen": ["y"],
        "many": ["1", "3"],
    }


def test_a_file_field_is_found_though_nothing_is_sent_for_it() -> None:
    assert read_form(PAGE, holding="sheet").values["name"] == ["Ana & Otto"]


def test_a_page_without_the_field_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"The page has no form with a field 'colour'\."):
        read_form(PAGE, holding="colour")
