"""A config.yaml is read as the YAML parser reads it, whatever is in it."""

from __future__ import annotations

import pytest
import yaml

from maskwright.workflows.runs.config_text import read_config
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import dump_recipe


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keep": [1, 20], "track": ["tensorboard", "wandb"], "ratio": "0.5->0.75"},
        {"policy": {"name": "block", "size": 2}},
        {"data": "写真/it's: a # 'folder'", "out": "runs/a b"},
        {"data": "a very long path " * 12},
    ],
)
def test_settings_come_back_as_they_were_written(changes: dict[str, object]) -> None:
    settings = PretrainSettings.from_flat({"data": "photos", **changes})
    text = dump_recipe(settings, "Repeat this run")
    assert read_config(text) == yaml.safe_load(text) == settings.to_dict()


@pytest.mark.parametrize(
    "text",
    [
        "data:\n  data: x\n  # a remark\n  limit: 3\n",
        "data: {data: x, limit: 3}\n",
        "data:\n    data: x\n    limit: 3\n",
        "data:\n  data: &a x\n  labels: *a\n",
        "data:\n  data: x\n\n\nmodel:\n  model: y",
        "---\ndata:\n  data: |\n    two\n    lines\n",
    ],
)
def test_what_a_person_changed_is_read_too(text: str) -> None:
    assert read_config(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["", "x", "data: [", "- a\n- b\n", "data: 3\n"])
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_config(text)
