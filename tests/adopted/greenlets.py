"""A server of gevent, two users whose requests cross; tests/test_works_with_gevent.py starts it as a program."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent asks to be first
import urllib.request  # noqa: E402

import django  # noqa: E402
import gevent  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402

from auditlog.models import Entry  # noqa: E402
from tests.adopted.models import Book  # noqa: E402

NAMES = ("ana", "bea")
arrived = {name: Event() for name in NAMES}


def write(request: HttpRequest, name: str, other: str) -> HttpResponse:
    """Write before and after the other request's first write."""
    Book._default_manager.create(title=name)
    arrived[name].set()
    if not arrived[other].wait(30):
        raise TimeoutError(other)
    Book._default_manager.create(title=f"{name} again")
    return HttpResponse()


urlpatterns = [path("<name>/<other>/", write)]


def ask(address: str, name: str, other: str) -> int:
    """Send the request of a user who is logged in; the status of the answer."""
    client = Client()
    client.force_login(User.objects.create(username=name))
    session = client.cookies["sessionid"].value
    request = urllib.request.Request(f"{address}/{name}/{other}/", headers={"Cookie": f"sessionid={session}"})
    with urllib.request.urlopen(request) as answer:
        return int(answer.status)


def main() -> None:
    """Print, for each book, who recorded it, and how many changesets there were."""
    call_command("migrate", verbosity=0)
    server = WSGIServer(("127.0.0.1", 0), get_wsgi_application(), log=None)
    server.start()
    address = f"http://127.0.0.1:{server.server_port}"
    asking = [gevent.spawn(ask, address, *pair) for pair in (NAMES, NAMES[::-1])]
    gevent.joinall(asking, raise_error=True)
    found = Entry.objects.filter(model="adopted.book", action=1)
    actors = dict(found.values_list("object_repr", "actor_repr"))
    changesets = found.values_list("actor_repr", "changeset").distinct().count()
    print(json.dumps([[each.value for each in asking], actors, changesets]))  # noqa: T201 - what the test reads
    server.stop()


if __name__ == "__main__":
    main()
