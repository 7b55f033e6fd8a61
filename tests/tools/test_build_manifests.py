"""The program that writes the manifests notices when they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import build_manifests


def test_a_file_that_was_edited_by_hand_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build_manifests, "TARGET", tmp_path)
    assert build_manifests.main([]) == 0
    assert build_manifests.main(["--check"]) == 0
    with (tmp_path / "kourier.yaml").open("a") as file:
        file.write("# by hand\n")
    assert build_manifests.main(["--check"]) == 1
    assert "out of date: kourier.yaml" in capsys.readouterr().out


def test_yaml_has_no_anchors() -> None:
    texts = [path.read_text() for path in build_manifests.TARGET.glob("*.yaml")]
    assert texts
    assert not [text for text in texts if "&id" in text or "*id" in text]
