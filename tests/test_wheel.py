"""The wheel holds all that the app needs, and works in an empty environment with Django alone."""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from pathlib import Path

import django
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = {".py", ".html", ".css", ".js", ".svg", ".mo", ".po", ".typed", ".txt"}

pytestmark = pytest.mark.wheel

SETTINGS = """
SECRET_KEY = "x"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
STATIC_URL = "/static/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "mini.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", "auditlog",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "auditlog.middleware.AuditlogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]},
}]
AUDITLOG = {"MODELS": {"auth.Group": {}}}
"""
URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
"""
USE = """
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.test import Client
from auditlog.models import Entry
group = Group.objects.create(name="editors")
group.name = "authors"
group.save()
ana = User.objects.create_superuser("ana", password="x")
client = Client()
client.force_login(ana)
page = client.get("/admin/auditlog/entry/")
entry = Entry.objects.filter(model="auth.group").latest("id")
detail = client.get(f"/admin/auditlog/entry/{entry.pk}/change/")
history = client.get(f"/admin/auth/group/{group.pk}/history/")
print(page.status_code, detail.status_code, history.status_code, "authors" in page.content.decode())
print(entry.get_action_display(), entry.object_repr, entry.changes)
"""


def _run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel and the Django of this run, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    _run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", wheel, f"Django=={django.get_version()}")
    return python


@pytest.fixture(scope="module")
def mini_project(empty_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated project of two files that uses the wheel."""
    folder = tmp_path_factory.mktemp("mini")
    (folder / "mini_settings.py").write_text(SETTINGS)
    (folder / "urls.py").write_text(URLS)
    _manage(empty_python, folder, "migrate", "--verbosity", "0")
    return folder


def _manage(python: Path, project: Path, *arguments: str) -> str:
    options = ("--settings", "mini_settings", "--pythonpath", ".")
    return _run(python, "-W", "error", "-m", "django", *arguments, *options, cwd=project)


def test_the_wheel_holds_every_file_of_the_app_and_no_other(wheel: Path) -> None:
    tracked = _run("git", "ls-files", "--cached", "--others", "--exclude-standard", "auditlog").splitlines()

    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == {name for name in tracked if (ROOT / name).exists()}
    assert {Path(name).suffix for name in packed} <= SHIPPED
    assert {"auditlog/py.typed", "auditlog/migrations/0001_entry.py"} <= packed


def test_the_wheel_needs_django_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()

    needed = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert needed == ["Requires-Dist: django<7,>=5.2"]
    assert "Name: django-signal-auditlog" in lines
    assert "License-Expression: MIT" in lines


def test_the_environment_is_empty(empty_python: Path) -> None:
    listing = _run(
        empty_python, "-m", "pip", "list", "--format", "freeze", "--exclude", "pip", "--exclude", "setuptools"
    )

    names = {line.partition("==")[0].lower() for line in listing.splitlines()}
    assert names <= {
        "asgiref",
        "django",
        "django-signal-auditlog",
        "sqlparse",
        "typing-extensions",
        "typing_extensions",
    }


def test_a_project_with_django_alone_records_browses_and_exports(empty_python: Path, mini_project: Path) -> None:
    """Migrate, save, look at the list, the entry and the object's history, export: what a newcomer does first."""
    use = f"import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'mini_settings'\n{USE}"

    told = _run(empty_python, "-W", "error", "-c", use, cwd=mini_project).splitlines()
    _manage(empty_python, mini_project, "auditlog_export", "--model", "auth.group", "--output", "log.csv")

    assert told == ["200 200 200 True", "update authors {'name': ['editors', 'authors']}"]
    with (mini_project / "log.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["action"], row["field"], row["old"], row["new"]) for row in csv.DictReader(file)]
    assert sorted(rows) == [
        ("create", "id", "", "1"),
        ("create", "name", "", "editors"),
        ("update", "name", "editors", "authors"),
    ]


def test_the_checks_find_nothing(empty_python: Path, mini_project: Path) -> None:
    assert _manage(empty_python, mini_project, "check") == "System check identified no issues (0 silenced).\n"
    assert _manage(empty_python, mini_project, "makemigrations", "--check", "--dry-run") == "No changes detected\n"
