"""Imports point one way, stand at the top, and the app needs nothing but Django."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "auditlog"

# From the ground up; a module may import from its own layer and from those below. The longest matching name decides.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "auditlog.exceptions", "auditlog.conf", "auditlog.naming", "auditlog.indexes", "auditlog.signals",
        "auditlog.contexts", "auditlog.circumstances", "auditlog.requests", "auditlog.actors", "auditlog.facts",
        "auditlog.changesets", "auditlog.steps", "auditlog.carrying", "auditlog.task_origins",
        "auditlog.capture.secrets", "auditlog.capture.values",
        "auditlog.capture.value_", "auditlog.capture.diff", "auditlog.capture.texts",
    ),
    ("auditlog.capture.options", "auditlog.capture.registration", "auditlog.capture.registry", "auditlog.middleware"),
    ("auditlog.query.querysets",),
    ("auditlog.models",),
    ("auditlog.databases", "auditlog.failures"),
    ("auditlog.recording",),
    ("auditlog.capture",),
    (
        "auditlog.query", "auditlog.history", "auditlog.inventory", "auditlog.checks", "auditlog.checks_databases",
        "auditlog.checks_leftovers",
        "auditlog.trust", "auditlog.testing",
    ),
    ("auditlog.integrations",),
    ("auditlog.admin", "auditlog.api", "auditlog.export", "auditlog.templatetags"),
    ("auditlog.management", "auditlog.migrations", "auditlog.apps", "auditlog.pytest_plugin"),
)  # fmt: skip
WAYS_OUT = ("auditlog.admin", "auditlog.api", "auditlog.export", "auditlog.management", "auditlog.templatetags")
EXTRAS = (
    "rest_framework", "drf_spectacular", "simple_history", "celery", "psycopg", "tqdm", "orjson", "factory",
    "pycountry",
)  # fmt: skip
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
INSIDE = sorted(set(MODULES) - {"auditlog"})


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that happen at run time, wherever they stand."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and _is_for_types_only(node):
            for statement in node.orelse:
                yield from _imports(ast.Module([statement], []))
        else:
            yield from _imports(node)


def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _targets(module: str) -> set[str]:
    """The names of what the module imports; ``from package import module`` names the module."""
    found: set[str] = set()
    for node in _imports(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        assert node.level == 0, f"{module} imports relatively"
        for alias in node.names:
            submodule = f"{node.module}.{alias.name}"
            found.add(submodule if submodule in MODULES else str(node.module))
    return found


def _own(module: str) -> set[str]:
    return {target for target in _targets(module) if target.split(".")[0] == "auditlog"}


def _layer(module: str) -> int:
    """The height of a module's layer, by the longest name that it starts with."""
    matches = [
        (len(name), height)
        for height, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(name if name.endswith("_") else name + ".")
    ]
    assert matches, f"{module} stands in no layer: add it to LAYERS"
    return max(matches)[1]


@pytest.mark.parametrize("module", INSIDE)
def test_imports_point_down(module: str) -> None:
    upwards = {target for target in _own(module) if target != "auditlog" and _layer(target) > _layer(module)}

    assert upwards == set()


@pytest.mark.parametrize("module", INSIDE)
def test_the_package_root_is_not_imported_from_inside(module: str) -> None:
    """The root offers names to projects; a module that asked it for them would import everything."""
    assert "auditlog" not in _own(module)


@pytest.mark.parametrize("module", INSIDE)
def test_nobody_imports_a_way_out(module: str) -> None:
    """A way out may import its own parts; a command is the door of the export."""

    def is_of(way: str, name: str) -> bool:
        return name == way or name.startswith(way + ".")

    allowed = {way for way in WAYS_OUT if is_of(way, module)}
    if is_of("auditlog.management", module):
        allowed.add("auditlog.export")
    taken = {
        target
        for target in _own(module)
        if any(is_of(way, target) for way in WAYS_OUT) and not any(is_of(way, target) for way in allowed)
    }

    assert taken == set()


def test_no_ring_of_imports() -> None:
    graph = {module: _own(module) for module in MODULES}

    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a ring: {' <- '.join(error.args[1])}")

    assert set(MODULES) <= set(order)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_stand_at_the_top(module: str) -> None:
    """Only an app's ``ready`` may import inside a function: models are not there before."""
    inside = [
        f"line {statement.lineno}: {function.name}"
        for function in ast.walk(_tree(module))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not (module == "auditlog.apps" and function.name == "ready")
        for statement in ast.walk(function)
        if isinstance(statement, (ast.Import, ast.ImportFrom))
    ]

    assert inside == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_type_annotations_are_postponed(module: str) -> None:
    """One way of writing annotations on every Python; generated migrations and empty packages have none."""
    tree = _tree(module)
    if ".migrations" in module or not any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in tree.body):
        return

    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]

    assert [alias.name for node in futures for alias in node.names] == ["annotations"]


WITHOUT_EXTRAS = """
import importlib, sys
from importlib.abc import MetaPathFinder

EXTRAS = {extras!r}

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])

sys.meta_path.insert(0, Missing())
import auditlog
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x",
    USE_TZ=True,
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "auditlog"],
)
django.setup()
needs = {{}}
for module in {modules!r}:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        needs[module] = error.name
print(sorted(needs.items()))
"""


def test_only_optional_modules_need_the_extras() -> None:
    """Everything but the API and the integrations named after a package imports with Django alone."""
    code = WITHOUT_EXTRAS.format(extras=EXTRAS, modules=INSIDE)

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    needing = ast.literal_eval(done.stdout)
    optional = ("auditlog.api", "auditlog.integrations.simple_history", "auditlog.integrations.celery")
    assert [module for module, _missing in needing if not module.startswith(optional)] == []


def test_the_package_imports_before_django_is_set_up() -> None:
    """A settings file may ``import auditlog``: neither settings nor models are touched."""
    code = "import auditlog; from django.apps import apps; print(auditlog.__version__, apps.ready)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("0.1.0 False\n", "")
