"""django-simple-history and the log side by side: one change, one version, one entry that names it, one reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import ModelAdmin
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.models import User
from django.core import serializers
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from simple_history.admin import SimpleHistoryAdmin
from simple_history.utils import bulk_create_with_history, bulk_update_with_history, update_change_reason

import auditlog
from auditlog.capture import wiring
from auditlog.integrations import simple_history
from auditlog.integrations.admin_links import AdminLinks
from auditlog.models import Action, Entry
from tests.testapp.models import Leaflet, Recipe, Supplier, Tag, Truck, Vehicle

pytestmark = pytest.mark.django_db

site = AdminSite(name="versions")
site.register(Recipe, SimpleHistoryAdmin)
site.register(Truck, SimpleHistoryAdmin)
site.register(Vehicle, ModelAdmin)
site.register(Leaflet, ModelAdmin)
urlpatterns = [path("versions/", site.urls)]


def versions_and_entries(obj: models.Model) -> list[tuple[str, str, str]]:
    """Action, named version and reason of every entry of one object, oldest first."""
    entries = Entry.objects.for_object(obj).order_by("id")
    return [(Action(each.action).name, each.context.get("history", ""), each.reason) for each in entries]


def version_names(model: type[models.Model]) -> list[str]:
    """The versions of a model as entries name them, oldest first."""
    return [simple_history.reference(each) for each in model.history.order_by("history_date", "history_id")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("signal", [post_save, post_delete])
def test_simple_history_comes_before_us(signal: Any) -> None:
    synchronous, _ = signal._live_receivers(Recipe)

    assert [each.__module__ for each in synchronous] == ["simple_history.models", "auditlog.capture.receivers"]


def test_every_entry_names_the_version_of_its_change() -> None:
    recipe = Recipe.objects.create(name="Paella")
    recipe.portions = 6
    recipe.save()
    key = Recipe(pk=recipe.pk)
    recipe.delete()

    first, second, third = version_names(Recipe)
    assert versions_and_entries(key) == [("CREATE", first, ""), ("UPDATE", second, ""), ("DELETE", third, "")]
    assert first == f"testapp.historicalrecipe:{Recipe.history.earliest().history_id}"


def test_the_way_back_is_a_query() -> None:
    recipe = Recipe.objects.create(name="Paella")
    recipe.name = "Paella valenciana"
    recipe.save()
    version = recipe.history.latest()

    entry = Entry.objects.for_object(recipe).get(context__history=simple_history.reference(version))

    assert entry.changes == {"name": ["Paella", "Paella valenciana"]}


def test_a_save_that_changes_nothing_leaves_a_version_and_no_entry() -> None:
    recipe = Recipe.objects.create(name="Paella")

    recipe.save()

    first, _ = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", first, "")]


def test_the_version_of_an_empty_save_is_not_named_by_the_next_entry() -> None:
    recipe = Recipe.objects.create(name="Paella")
    recipe.save()

    recipe.portions = 6
    recipe.save_without_historical_record()  # type: ignore[attr-defined]

    first, _ = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", first, ""), ("UPDATE", "", "")]


def test_a_save_without_a_version_is_recorded_without_one() -> None:
    recipe = Recipe(name="Paella")

    recipe.save_without_historical_record()  # type: ignore[attr-defined]

    assert versions_and_entries(recipe) == [("CREATE", "", "")]


def test_no_versions_while_simple_history_is_off() -> None:
    with override_settings(SIMPLE_HISTORY_ENABLED=False):
        recipe = Recipe.objects.create(name="Paella")

    assert versions_and_entries(recipe) == [("CREATE", "", "")]


def test_a_fixture_is_recorded_without_a_version() -> None:
    fixture = '[{"model": "testapp.recipe", "pk": 7, "fields": {"name": "Paella", "portions": 4}}]'

    for loaded in serializers.deserialize("json", fixture):
        loaded.save()

    assert version_names(Recipe) == []
    assert versions_and_entries(Recipe(pk=7)) == [("CREATE", "", "")]


def test_a_many_to_many_change_of_a_relation_without_versions_names_none() -> None:
    recipe, cook = Recipe.objects.create(name="Paella"), Supplier.objects.create(name="Ana")

    recipe.cooks.add(cook)

    (version,) = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", version, ""), ("UPDATE", "", "")]


def test_many_to_many_changes_name_their_version() -> None:
    recipe = Recipe.objects.create(name="Paella")
    rice, fish = Tag.objects.create(name="rice"), Tag.objects.create(name="fish")

    recipe.tags.add(rice, fish)
    recipe.tags.remove(fish)
    recipe.tags.clear()

    first, added, removed, cleared = version_names(Recipe)
    assert versions_and_entries(recipe) == [
        ("CREATE", first, ""),
        ("UPDATE", added, ""),
        ("UPDATE", removed, ""),
        ("UPDATE", cleared, ""),
    ]


def test_a_save_within_a_many_to_many_change_keeps_both_versions_apart() -> None:
    """A receiver of m2m_changed that runs before ours saves the object: two versions, two entries, each its own."""
    recipe, rice = Recipe.objects.create(name="Paella"), Tag.objects.create(name="rice")
    through = Recipe.tags.through

    def count(sender: type[models.Model], instance: Recipe, action: str, **kwargs: object) -> None:
        if action == "pre_add":
            instance.portions += 1
            instance.save()

    models.signals.m2m_changed.connect(count, sender=through)
    try:
        recipe.tags.add(rice)
    finally:
        models.signals.m2m_changed.disconnect(count, sender=through)

    first, saved, added = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", first, ""), ("UPDATE", saved, ""), ("UPDATE", added, "")]


def test_a_receiver_that_saves_again_gets_its_own_version() -> None:
    def double(sender: type[models.Model], instance: Recipe, created: bool, **kwargs: object) -> None:
        if created:
            instance.portions *= 2
            instance.save()

    post_save.connect(double, sender=Recipe)
    try:
        recipe = Recipe.objects.create(name="Paella", portions=2)
    finally:
        post_save.disconnect(double, sender=Recipe)

    first, second = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", first, ""), ("UPDATE", second, "")]


def test_a_multi_table_child_names_its_version_on_the_entries_of_both_tables() -> None:
    truck = Truck.objects.create(plate="1234 BCD", load=3)

    (version,) = version_names(Truck)
    entries = Entry.objects.filter(object_id=str(truck.pk), model__in=["testapp.vehicle", "testapp.truck"])
    assert list(entries.order_by("id").values_list("model", "context__history")) == [
        ("testapp.vehicle", version),
        ("testapp.truck", version),
    ]


def test_versions_that_go_away_with_their_object() -> None:
    leaflet = Leaflet.objects.create(title="Spring")
    (version,) = version_names(Leaflet)
    key = Leaflet(pk=leaflet.pk)

    leaflet.delete()

    assert version_names(Leaflet) == []
    assert versions_and_entries(key) == [("CREATE", version, ""), ("DELETE", "", "")]


def test_the_change_reason_of_the_object_becomes_the_reason_of_the_entry() -> None:
    recipe = Recipe(name="Paella")
    recipe._change_reason = "from the cook's notebook"  # type: ignore[attr-defined]

    recipe.save()

    (version,) = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", version, "from the cook's notebook")]


def test_the_reason_of_a_delete_is_shared() -> None:
    recipe = Recipe.objects.create(name="Paella")
    key = Recipe(pk=recipe.pk)
    recipe._change_reason = "nobody orders it"  # type: ignore[attr-defined]

    recipe.delete()

    first, last = version_names(Recipe)
    assert versions_and_entries(key) == [("CREATE", first, ""), ("DELETE", last, "nobody orders it")]


def test_the_reason_of_the_context_becomes_the_change_reason_of_the_version() -> None:
    with auditlog.context(reason="summer menu"):
        recipe = Recipe.objects.create(name="Gazpacho")

    (version,) = version_names(Recipe)
    assert recipe.history.get().history_change_reason == "summer menu"
    assert versions_and_entries(recipe) == [("CREATE", version, "summer menu")]


def test_two_given_reasons_stay_where_they_were_given() -> None:
    recipe = Recipe(name="Gazpacho")
    recipe._change_reason = "asked for by table 4"  # type: ignore[attr-defined]

    with auditlog.context(reason="summer menu"):
        recipe.save()

    (version,) = version_names(Recipe)
    assert recipe.history.get().history_change_reason == "asked for by table 4"
    assert versions_and_entries(recipe) == [("CREATE", version, "summer menu")]


def test_a_reason_too_long_for_the_version_is_cut_there_and_whole_in_the_entry() -> None:
    reason = "because " * 20

    with auditlog.context(reason=reason):
        recipe = Recipe.objects.create(name="Gazpacho")
        leaflet = Leaflet.objects.create(title="Summer")

    assert recipe.history.get().history_change_reason == reason[:99] + "…"
    assert leaflet.history.get().history_change_reason == reason
    assert [each[2] for each in versions_and_entries(recipe)] == [reason]


def test_a_reason_given_afterwards_is_recorded_as_an_event() -> None:
    """The entry stands already and cannot be written over."""
    recipe = Recipe.objects.create(name="Paella")

    update_change_reason(recipe, "first dish")

    (version,) = version_names(Recipe)
    assert versions_and_entries(recipe) == [("CREATE", version, ""), ("EVENT", version, "first dish")]
    assert Entry.objects.get(action=Action.EVENT).event == "auditlog.reason"


def test_a_version_saved_again_with_the_same_reason_is_no_event() -> None:
    reason = "because " * 20
    with auditlog.context(reason=reason):
        recipe = Recipe.objects.create(name="Paella")
    version = recipe.history.get()

    version.save()

    assert versions_and_entries(recipe) == [("CREATE", simple_history.reference(version), reason)]


def test_history_user_stays_the_business_of_simple_history() -> None:
    ana, ben = User.objects.create(username="ana"), User.objects.create(username="ben")
    recipe = Recipe(name="Paella")
    recipe._history_user = ana  # type: ignore[attr-defined]

    with auditlog.context(actor=ben):
        recipe.save()

    assert recipe.history.get().history_user == ana
    assert Entry.objects.for_object(recipe).get().actor_repr == "ben"


def test_a_save_through_the_admin_of_simple_history() -> None:
    ana = User.objects.create(username="ana", is_staff=True, is_superuser=True)
    request = RequestFactory().post("/")
    request.user = ana
    recipe = Recipe(name="Paella")
    recipe._change_reason = "typed in the form"  # type: ignore[attr-defined]

    SimpleHistoryAdmin(Recipe, AdminSite()).save_model(request, recipe, form=None, change=False)

    (version,) = version_names(Recipe)
    assert recipe.history.get().history_user == ana
    assert versions_and_entries(recipe) == [("CREATE", version, "typed in the form")]


@pytest.mark.parametrize("name", ["historicalrecipe", "historicalrecipe_tags"])
def test_a_wildcard_never_matches_the_tables_of_versions(name: str) -> None:
    assert wiring.why_not_by_wildcard(apps.get_model("testapp", name)) == "the history of another model"


@pytest.mark.urls(__name__)
def test_one_click_from_the_entry_to_the_version(client: Client) -> None:
    """Also from the entry of a parent's table, whose version is the child's; no link without a page to show."""
    ana = User.objects.create(username="ana", is_staff=True, is_superuser=True)
    client.force_login(ana)
    request = RequestFactory().get("/")
    request.user = ana
    before = set(Entry.objects.values_list("pk", flat=True))
    recipe, truck = Recipe.objects.create(name="Paella"), Truck.objects.create(plate="1234 BCD")
    Leaflet.objects.create(title="Spring")
    Tag.objects.create(name="rice")

    entries = Entry.objects.exclude(pk__in=before).order_by("id")
    links = [(entry.model, AdminLinks(request, site).to_version(entry)) for entry in entries]

    of_recipe = f"/versions/testapp/recipe/{recipe.pk}/history/{recipe.history.get().pk}/"
    of_truck = f"/versions/testapp/truck/{truck.pk}/history/{truck.history.get().pk}/"
    assert links == [
        ("testapp.recipe", of_recipe),
        ("testapp.vehicle", of_truck),
        ("testapp.truck", of_truck),
        ("testapp.leaflet", ""),
        ("testapp.tag", ""),
    ]
    assert [client.get(address).status_code for address in (of_recipe, of_truck)] == [200, 200]


def test_a_rolled_back_change_leaves_neither_version_nor_entry() -> None:
    with transaction.atomic():
        Recipe.objects.create(name="Paella")
        transaction.set_rollback(True)

    assert version_names(Recipe) == []
    assert list(Entry.objects.for_model(Recipe)) == []


def test_the_bulk_helpers_write_their_versions_as_before() -> None:
    """They use bulk_create and bulk_update, which send no signal of simple-history's or of Django's."""
    dishes = [Recipe(name="Paella"), Recipe(name="Fideuà")]
    recipes = bulk_create_with_history(dishes, Recipe, default_change_reason="menu")
    for recipe in recipes:
        recipe.portions = 8

    updated = bulk_update_with_history(recipes, Recipe, ["portions"], default_change_reason="feast")

    assert updated == 2
    columns = ("name", "portions", "history_type", "history_change_reason")
    assert list(Recipe.history.order_by("history_id").values_list(*columns)) == [
        ("Paella", 4, "+", "menu"),
        ("Fideuà", 4, "+", "menu"),
        ("Paella", 8, "~", "feast"),
        ("Fideuà", 8, "~", "feast"),
    ]
    entries = Entry.objects.for_model(Recipe).order_by("id")
    assert [(entry.action, entry.object_repr, entry.changes["portions"]) for entry in entries] == [
        (Action.CREATE, "Paella", [None, 4]),
        (Action.CREATE, "Fideuà", [None, 4]),
        (Action.UPDATE, "", [4, 8]),
        (Action.UPDATE, "", [4, 8]),
    ]


def test_nothing_is_noted_while_recording_is_paused() -> None:
    with auditlog.paused("import"):
        recipe = Recipe.objects.create(name="Paella")
        update_change_reason(recipe, "imported")

    assert versions_and_entries(recipe) == []
    assert recipe.history.get().history_change_reason == "imported"


def test_without_us_simple_history_goes_on_alone() -> None:
    simple_history.uninstall()
    try:
        with auditlog.context(reason="summer menu"):
            recipe = Recipe.objects.create(name="Gazpacho")
    finally:
        simple_history.install()

    assert recipe.history.get().history_change_reason is None
    assert versions_and_entries(recipe) == [("CREATE", "", "summer menu")]


def test_a_history_model_made_after_start_up_is_watched() -> None:
    version = Recipe.history.model
    post_save.disconnect(sender=version, dispatch_uid="auditlog.simple_history")

    models.signals.class_prepared.send(sender=version)

    assert post_save.disconnect(sender=version, dispatch_uid="auditlog.simple_history") is True
    simple_history.install()


@pytest.mark.parametrize("model", [Recipe, Tag])
def test_only_models_of_versions_are_watched(model: type[models.Model]) -> None:
    assert simple_history.is_version(model) is False
    assert simple_history.is_version(Recipe.history.model) is True
    assert simple_history.is_version(apps.get_model("testapp.historicalrecipe_tags")) is False
