"""A run goes out to other formats and comes back; any encoder embeds pictures the way `evaluate`
sees them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.cli.main import main
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.evaluation.readout import DEFAULT_READOUT, read_features
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import describe_model, save_tensors
from maskwright.weights.fitting import fit_weights
from maskwright.workflows.inspect import describe
from maskwright.workflows.loading.pictures import eval_batches, packing_side
from maskwright.workflows.runs.locate import load_any_parts


@pytest.fixture(scope="module")
def pictures(shared_photos: Path) -> list[Path]:
    return sorted((shared_photos / "test" / "dark").iterdir())[:3]


def test_the_encoder_of_a_run_takes_paths_images_and_arrays_alike(
    small_run: maskwright.Run, pictures: list[Path]
) -> None:
    encoder = maskwright.load(small_run.path, device="cpu")
    tokens = encoder.encode(pictures)
    assert (tokens.patches.shape, tokens.prefix.shape, tokens.maps.shape) == (
        (3, 16, 24),
        (3, 1, 24),
        (3, 24, 4, 4),
    )
    arrays = np.stack([np.asarray(Image.open(path)) for path in pictures])
    forms = (
        [Image.open(path) for path in pictures],
        arrays,
        torch.from_numpy(arrays).permute(0, 3, 1, 2),
        list(arrays),
        [str(path) for path in pictures],
    )
    for form in forms:
        torch.testing.assert_close(encoder.encode(form).patches, tokens.patches)
    torch.testing.assert_close(encoder.encode(arrays[0]).patches, tokens.patches[:1])
    torch.testing.assert_close(encoder.features(pictures, features="last"), tokens.patches.mean(1))
    assert encoder.features(pictures, pooling="both").shape == (3, 72)
    assert encoder.features(pictures, features="grid").shape == (3, 96)
    with pytest.raises(MaskwrightError, match="Did you mean 'mean'"):
        encoder.features(pictures, pooling="men")
    with pytest.raises(MaskwrightError, match="Did you mean 'grid'"):
        encoder.features(pictures, features="gird")


def test_patches_come_in_raster_order(small_run: maskwright.Run) -> None:
    encoder = maskwright.load(small_run.path, device="cpu")
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    images[1, :, 4:8, 8:12] = 255
    moved = (encoder.encode(images).maps[1] - encoder.encode(images).maps[0]).abs().sum(0)
    assert int(moved.argmax()) == 1 * 4 + 2


def test_embedded_features_are_those_that_evaluate_measures(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    done = maskwright.embed(
        small_run.path, shared_photos, split="test", out=tmp_path / "f.npz", device="cpu"
    )
    assert done.width == 48
    loaded = small_run.load()
    config = loaded.model.config
    store = pack(
        open_source(shared_photos, split="test"), short_side=packing_side(config.image_size)
    )
    wanted = read_features(
        loaded.model,
        eval_batches(store, config.image_size),
        DEFAULT_READOUT,
        scale=loaded.scale,
        device=torch.device("cpu"),
    )
    with np.load(tmp_path / "f.npz") as file:
        assert done.count == len(file["keys"]) == 20
        assert [str(key) for key in file["keys"]] == list(store.keys)
        assert file["labels"].tolist() == store.labels.tolist()
        assert [str(name) for name in file["classes"]] == ["bright", "dark"]
        torch.testing.assert_close(torch.from_numpy(file["features"]), wanted.mean)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["f.npz"]


def test_parquet_holds_the_same_and_unreadable_pictures_are_named(
    small_run: maskwright.Run, photos: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (photos / "even" / "broken.png").write_bytes(b"no picture")
    done = maskwright.embed(
        small_run.path, photos, out=tmp_path / "f.parquet", pooling="cls", device="cpu"
    )
    maskwright.embed(small_run.path, photos, out=tmp_path / "f.npz", pooling="cls", device="cpu")
    table = parquet.read_table(tmp_path / "f.parquet").to_pydict()
    assert (done.count, done.skipped) == (40, 1)
    with np.load(tmp_path / "f.npz") as file:
        assert table["key"] == file["keys"].tolist()
        assert table["label"] == file["labels"].tolist()
        np.testing.assert_array_equal(
            np.array(table["features"], dtype=np.float32), file["features"]
        )


@pytest.mark.parametrize("format", ["timm", "hf", "official", "safetensors"])
def test_a_run_exports_and_comes_back_with_the_same_features(
    small_run: maskwright.Run, pictures: list[Path], tmp_path: Path, format: str
) -> None:
    pytest.importorskip("timm" if format != "hf" else "transformers")
    ending = {"official": ".pth", "safetensors": ".safetensors"}.get(format, "")
    done = maskwright.export(small_run.path, format=format, out=tmp_path / f"model{ending}")
    assert done.check.difference < 1e-5
    back = maskwright.load(done.path, device="cpu").features(pictures)
    torch.testing.assert_close(
        back, maskwright.load(small_run.path, device="cpu").features(pictures)
    )
    assert "24x1, 2 heads, 16x16 images of 3 channels, patch 4" in describe(str(done.path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions": "rotary_image", "heads": 1}, "positions"),
        ({"activation": "quick_gelu"}, "activation"),
    ],
)
def test_a_run_starts_from_no_encoder_that_computes_otherwise(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    sizes = {"image_size": (16, 16), "patch_size": 4, "width": 24, "depth": 1, "heads": 1}
    source = ImageEncoder(ModelConfig(**{**sizes, **changes}))
    about = describe_model(source, PixelScale((0.5,) * 3, (0.5,) * 3), {})
    save_tensors(tmp_path / "e.safetensors", source, about)
    positions = "rotary" if "positions" in changes else "sincos"
    config = ModelConfig(**sizes, decoder_width=16, decoder_heads=1, positions=positions)
    with pytest.raises(MaskwrightError, match=f"its {words} differ"):
        fit_weights(load_any_parts(str(tmp_path / "e.safetensors")), config)


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["export", "/no/such/run"], "There is no run or checkpoint"),
        (["export", "RUN", "--format", "onxx"], "Did you mean 'onnx'?"),
        (
            ["export", "RUN", "--format", "official", "--out", "x.bin"],
            "ends in .pth; got --out x.bin",
        ),
        (["export", "RUN@target=maybe"], "target is raw or normalized"),
        (["embed", "RUN", "PHOTOS", "--out", "x.csv"], "written as .npz or .parquet"),
        (["embed", "RUN", "PHOTOS", "--pooling", "max"], "Unknown pooling 'max'"),
        (["embed", "RUN", "/no/such/photos"], "/no/such/photos"),
        (["inspect", "timm:vit_tinny_patch16_224"], "Did you mean 'vit_tiny_patch16_224'?"),
    ],
)
def test_a_mistake_gives_a_sentence_and_exit_code_2(
    small_run: maskwright.Run,
    shared_photos: Path,
    words: list[str],
    fragment: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"RUN": str(small_run.path), "PHOTOS": str(shared_photos)}
    spelled = [
        word.replace("RUN", places["RUN"]).replace("PHOTOS", places["PHOTOS"]) for word in words
    ]
    assert main(spelled) == 2
    told = capsys.readouterr().err
    assert fragment in told
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir())
