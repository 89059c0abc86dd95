"""Django's source distribution, which has the tests that the wheel lacks."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".django-source"
"""Where it is kept between runs; ``make clean`` removes it."""


def tests_of(version: str) -> Path:
    """The folder with Django's tests of that version; fetched by pip where it is not there yet."""
    unpacked = FOLDER / f"django-{version}"
    if not (unpacked / "tests" / "runtests.py").exists():
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder, tarfile.open(_download(version)) as archive:
            archive.extractall(folder, filter="data")
            next(Path(folder).iterdir()).rename(unpacked)
    return unpacked / "tests"


def _download(version: str) -> Path:
    fetch = [_python_with_pip(), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "django"]
    subprocess.run([*fetch, "--dest", FOLDER, f"Django=={version}"], check=True)
    return next(path for path in FOLDER.glob("*.tar.gz") if path.name.lower() == f"django-{version}.tar.gz")


def _python_with_pip() -> str:
    """This interpreter, or one in an environment made for it: uv makes environments without pip."""
    if importlib.util.find_spec("pip"):
        return sys.executable
    environment = FOLDER / f"pip-{sys.version_info[0]}.{sys.version_info[1]}"
    if not environment.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    return str(environment / "bin" / "python")
