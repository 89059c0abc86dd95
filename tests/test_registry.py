"""Choosing what is recorded: decorator, call, settings, wildcards, masks, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import models
from django.db.models.deletion import Collector
from django.db.models.signals import post_save
from rest_framework.authtoken.models import Token

import auditlog
from auditlog.capture import receivers, wiring, writepaths
from auditlog.capture.registry import registration_for, registrations
from auditlog.exceptions import RegistrationError
from auditlog.models import Action, Entry
from tests.helpers import mark, told
from tests.testapp.models import Account, Article, Bistro, Category, Place, Product, Restaurant, Unregistered


@pytest.fixture
def registered() -> Iterator[list[type[models.Model]]]:
    """Models to unregister after the test."""
    added: list[type[models.Model]] = []
    yield added
    for model in added:
        auditlog.unregister(model)


def test_one_model_of_a_tree_registers_its_relatives() -> None:
    assert [registration_for(model).options.derived for model in (Place, Restaurant, Bistro)] == [True, False, True]  # type: ignore[union-attr]


def test_fields_of_a_registration() -> None:
    article, account = registration_for(Article), registration_for(Account)
    assert article is not None
    assert account is not None

    assert [f.name for f in article.fields] == ["id", "title"]
    assert (article.excluded, account.masked) == (frozenset({"draft"}), frozenset({"api_key", "phone"}))


@pytest.mark.django_db
def test_a_call_registers_and_unregister_takes_it_back(registered: list[type[models.Model]]) -> None:
    auditlog.register(Unregistered, mask=["name"])
    since = mark()
    row = Unregistered.objects.create(name="hidden")
    auditlog.unregister(Unregistered)
    row.save()
    row.delete()

    assert told(since=since) == [
        ("CREATE", "testapp.unregistered", str(row.pk or told(since=since)[0][2]), {
            "id": [None, int(told(since=since)[0][2])], "name": {"masked": True}, "product": [None, None],
        })
    ]  # fmt: skip
    assert not post_save.has_listeners(Unregistered)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"only": ["a"]}, r"auditlog\.register\(\) has no argument only; it takes exclude, formerly, include"),
        ({"snapshot": "fast"}, r"register\(snapshot=\.\.\.\) must be 'locked' or 'loaded', not 'fast'"),
        ({"mask": "name"}, r"register\(mask=\.\.\.\) takes a list of names, not the text 'name'"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_the_fix(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RegistrationError, match=message):
        auditlog.register(Unregistered, **arguments)

    assert registration_for(Unregistered) is None


@pytest.mark.django_db
def test_the_receivers_do_the_work() -> None:
    registration = registration_for(Category)
    assert registration is not None
    receivers.disconnect(registration)
    try:
        category = Category.objects.create(name="x")
        category.name = "y"
        category.save()
        category.delete()
        found = told()
    finally:
        receivers.connect(registration)

    assert found == []
    Category.objects.create(name="again")
    assert len(told()) == 1


@pytest.mark.django_db
def test_third_party_models_by_settings() -> None:
    user = User.objects.create_user("ana", password="correct horse battery")
    group = Group.objects.create(name="staff")
    user.groups.add(group)

    changes = [entry[3] for entry in told()]
    assert changes[0]["password"] == {"masked": True}
    assert changes[1] == {"id": [None, group.pk], "name": [None, "staff"]}
    assert changes[2] == {"groups": {"added": [[group.pk, "staff"]], "removed": []}}


@pytest.mark.django_db
def test_a_label_that_names_a_related_object_is_made_without_a_query_per_object() -> None:
    group = Group.objects.create(name="staff")
    permission = Permission.objects.get(codename="view_category")
    since = mark()
    group.permissions.add(permission)

    change = {"added": [[permission.pk, str(permission)]], "removed": []}
    assert told(since=since) == [("UPDATE", "auth.group", str(group.pk), {"permissions": change})]


def test_wildcards_leave_out_what_nobody_means() -> None:
    assert wiring.why_not_by_wildcard(Token) == wiring.why_not_by_wildcard(Session) == "its primary key is a secret"
    assert wiring.why_not_by_wildcard(Entry) == "the log does not record itself"
    assert wiring.why_not_by_wildcard(Product.tags.through) is not None
    assert wiring.why_not_by_wildcard(Product) is None


@pytest.mark.django_db
def test_no_secret_is_anywhere_in_the_log(registered: list[type[models.Model]], client: object) -> None:
    for model in (Token, Session):
        auditlog.register(model)
        registered.append(model)
    user = User.objects.create_user("ana", password="correct horse battery")
    token = Token.objects.create(user=user)
    client.force_login(user)  # type: ignore[attr-defined]
    session = Session.objects.get()
    secrets = [user.password, user.password.rpartition("$")[2], token.key, session.session_key, session.session_data]
    session.delete()
    token_entries = Entry.objects.for_object(token)

    rows = "\n".join(str(row) for row in Entry.objects.values_list())
    assert [secret for secret in secrets if secret in rows] == []
    assert [entry.action for entry in token_entries] == [Action.CREATE]


def test_a_default_mask_can_be_taken_off(registered: list[type[models.Model]]) -> None:
    before = registration_for(Account)
    assert before is not None
    auditlog.register(Account, mask=["phone", "-api_key"])
    try:
        masked = registration_for(Account).masked  # type: ignore[union-attr]
    finally:
        auditlog.register(Account, mask=["phone"])

    assert masked == frozenset({"phone"})


def test_installing_twice_changes_nothing_and_uninstalling_restores() -> None:
    verbs = (models.Model.save_base, Collector.delete)
    writepaths.install()
    assert (models.Model.save_base, Collector.delete) == verbs

    writepaths.uninstall()
    try:
        assert not hasattr(models.Model.save_base, "__wrapped__")
        assert not hasattr(Collector.delete, "__wrapped__")
    finally:
        writepaths.install()


@pytest.mark.django_db
def test_a_proxy_made_after_registration_is_recorded() -> None:
    class LateProxy(Product):
        class Meta:
            proxy = True
            app_label = "testapp"

    LateProxy.objects.create(name="late")

    assert [(entry[0], entry[1]) for entry in told()] == [("CREATE", "testapp.product")]


def test_the_inventory_command_lists_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("auditlog_inventory")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    at = lines.index("testapp.Account recorded registered")
    assert lines[at + 1 : at + 5] == [
        "id recorded",
        "owner recorded",
        "api_key masked its name is a secret's",
        "phone masked chosen by mask=",
    ]
    assert "authtoken.Token unregistered its primary key is a secret" in lines
    assert "testapp.Unregistered unregistered nobody registered it" in lines
    assert len(registrations()) == sum(" recorded registered" in line or "relative of" in line for line in lines)
