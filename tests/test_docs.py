"""The docs equal the code: the settings table, the ids of the checks, the commands' options, the links.

``python -m tests.test_docs`` writes the generated parts of ``docs/settings.md`` anew.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "docs" / "settings.md"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])


def settings_table() -> str:
    """The settings of ``auditlog/conf.py`` as a Markdown table: key, default, meaning."""
    tree = ast.parse((ROOT / "auditlog" / "conf.py").read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings").body
    rows = []
    for node, following in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            meaning = ast.literal_eval(following.value) if isinstance(following, ast.Expr) else ""
            assert node.value is not None
            default = ast.unparse(node.value).replace("'", '"')
            rows.append(f"| `{node.target.id}` | `{default}` | {' '.join(meaning.replace('``', '`').split())} |")
    return "\n".join(["| key | default | meaning |", "| --- | --- | --- |", *rows])


def checks_table() -> str:
    """The check ids of ``auditlog/checks*.py`` as a Markdown table: id, what it says."""
    text = "".join(path.read_text() for path in sorted((ROOT / "auditlog").glob("checks*.py")))
    found: dict[str, str] = {}
    for docstring in re.findall(r'def check_\w+\([^"]*?"""(.*?)"""', text, re.DOTALL):
        for identifier, meaning in re.findall(
            r"([EW]\d{3}): (.*?)(?:; (?=[EW]\d{3})|\.?$)", " ".join(docstring.split())
        ):
            found[identifier] = meaning.rstrip(".").replace("``", "`")
    used = set(re.findall(r'id="auditlog\.([EW]\d{3})"', text))
    assert used == set(found), "a docstring of the checks does not name its ids"
    rows = [f"| `auditlog.{identifier}` | {found[identifier]} |" for identifier in sorted(found)]
    return "\n".join(["| id | what it finds |", "| --- | --- |", *rows])


def rendered() -> str:
    """``docs/settings.md`` with its generated parts as the code has them now."""
    text = SETTINGS.read_text()
    for name, table in (("settings", settings_table()), ("checks", checks_table())):
        block = f"<!-- {name} -->\n\n{table}\n\n<!-- end of {name} -->"
        text = re.sub(rf"<!-- {name} -->(.*?<!-- end of {name} -->)?", lambda _, b=block: b, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


def test_the_generated_parts_of_the_settings_page_equal_the_code() -> None:
    assert SETTINGS.read_text() == rendered()


@pytest.mark.parametrize("command", ["auditlog_export", "auditlog_inventory", "auditlog_verify", "auditlog_baseline"])
def test_every_option_of_a_command_is_documented(command: str) -> None:
    source = (ROOT / "auditlog" / "management" / "commands" / f"{command}.py").read_text()
    documented = "\n".join(page.read_text() for page in PAGES)

    assert [option for option in re.findall(r'"(--[a-z-]+)"', source) if option not in documented] == []


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())

    assert [t for t in targets if "://" not in t and not (document.parent / t).exists()] == []


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_the_tests_that_a_page_names_exist(document: Path) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)*)`", document.read_text()))

    assert [name for name in sorted(named) if not _is_test(name)] == []


def _is_test(name: str) -> bool:
    """Whether there is such a file or, by its node id, such a test."""
    path, *inner = name.split("::")
    if not (ROOT / path).exists():
        return False
    found: list[ast.stmt] = ast.parse((ROOT / path).read_text()).body
    for step in inner:
        matching = [
            n for n in found if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.name == step
        ]
        if not matching:
            return False
        found = matching[0].body
    return True


if __name__ == "__main__":
    SETTINGS.write_text(rendered())
