"""What a user installs: the same names with pip and conda, and a wheel that needs no clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from knlab import versions

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"kubernetes": "python-kubernetes", "matplotlib": "matplotlib-base"}
"""Where conda-forge calls a package by another name than PyPI."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_installs_what_pip_installs() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    wanted = []
    for requirement in PROJECT["dependencies"]:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        wanted.append(requirement.replace(name[0], CONDA_NAMES.get(name[0], name[0]), 1))
    assert sorted(set(conda) - {"pip"}) == sorted([f"python{PROJECT['requires-python']}", *wanted])
    assert {"pip": ["--editable ."]} in environment["dependencies"]


def test_one_version_everywhere() -> None:
    assert PROJECT["version"] == versions.KNLAB


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_carries_everything_that_is_not_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    lessons = {f"knlab/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(lessons) == 11
    assert lessons <= names
    assert {
        "knlab/py.typed",
        "knlab/manifests/serving-crds.yaml",
        "knlab/manifests/serving-core.yaml",
        "knlab/manifests/kourier.yaml",
        "knlab/report/template/knlab/index.html.j2",
        "knlab/report/template/knlab/contents.html.j2",
        "knlab/report/template/knlab/style.css",
        "knlab/report/template/knlab/conf.json",
        "knlab/embedded/kube/protobuf_fields.json.gz",
        "knlab/embedded/serving/go_structures.txt",
        "knlab/embedded/builtin/data/kubernetes_schemas.json.gz",
        "knlab/embedded/builtin/data/kubernetes_descriptions.json.gz",
        "knlab/embedded/builtin/data/table_columns.json.gz",
        "knlab/measure/curl-format.txt",
        f"knlab-{versions.KNLAB}.dist-info/licenses/LICENSE",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "benchmarks/"))]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_lesson_runs_from_a_wheel_installed_outside_the_clone(
    wheel: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    install += ["--disable-pip-version-check", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, timeout=60)
    environment = os.environ | {"PYTHONPATH": str(site), "KNLAB_PACE": "quick"}
    environment |= {"KNLAB_CLUSTER": "embedded", "PYTHONSAFEPATH": "1"}
    where = [sys.executable, "-c", "import knlab; print(knlab.__file__)"]
    found = subprocess.run(
        where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).is_relative_to(site)
    ran = subprocess.run(
        [sys.executable, "-m", "knlab.cli", "course", "--lesson", "01", "--output", "report"],
        cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "report" / "index.html").is_file()
    assert (tmp_path / "report" / "01_a_cluster.html").is_file()
