"""Each source of maps gives the map it promises, in the window and at the size of the stored
picture.
"""

from __future__ import annotations

import json
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.maps.attention_map import AttentionMap
from maskwright.data.maps.box_maps import BoxForeground, BoxParts
from maskwright.data.maps.box_tables import BoxTable
from maskwright.data.maps.detected_parts import CascadeParts
from maskwright.data.maps.foreground_alpha import AlphaForeground
from maskwright.data.maps.foreground_grabcut import GrabCutForeground
from maskwright.data.maps.foreground_model import ModelForeground
from maskwright.data.maps.originals import Original, Part, Window
from maskwright.data.maps.priors import (
    PriorRequest,
    build_prior,
    list_priors,
    parse_priors,
    resolve_source,
)
from maskwright.data.maps.supplied_maps import SuppliedForeground, SuppliedParts
from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError


def _save(root: Path, name: str, pixels: np.ndarray) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(root / name)
    return root


def _cutout() -> np.ndarray:
    """20x40 RGBA, opaque in its right half, half opaque in the left quarter."""
    pixels = np.full((20, 40, 4), 100, dtype=np.uint8)
    pixels[:, :, 3] = 0
    pixels[:, 20:, 3] = 255
    pixels[:, :10, 3] = 128
    return pixels


def test_words_are_read_with_the_python_keyword_from() -> None:
    asked = parse_priors(
        "foreground, parts(from='labels.csv', only=['eyes']), attention(from='timm:x')"
    )
    assert asked == [
        PriorRequest("foreground", None, {}),
        PriorRequest("parts", "labels.csv", {"only": ["eyes"]}),
        PriorRequest("attention", "timm:x", {}),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("foregruond", "Unknown map 'foregruond'. Did you mean 'foreground'"),
        (
            "foreground(from='alhpa')",
            r"neither a source of foreground nor a file or folder. Did you mean 'alpha'",
        ),
        ("parts, parts(from='cascade')", "made from one source"),
        ("3", "A map is written like foreground"),
        ("parts(from='cascade', sise=3)", "has no option 'sise'"),
    ],
)
def test_mistakes_get_a_sentence(words: str, message: str) -> None:
    with pytest.raises(MaskwrightError, match=message):
        [build_prior(asked, 0, []) for asked in parse_priors(words)]


def test_a_path_stands_for_the_kind_of_file_it_is(tmp_path: Path) -> None:
    for name, kind in (("a.csv", "boxes"), ("a.json", "boxes"), ("a.xml", "cascade")):
        (tmp_path / name).write_text("x")
        assert resolve_source(PriorRequest("parts", str(tmp_path / name), {})) == (
            kind,
            {"file": str(tmp_path / name)},
        )
    assert resolve_source(PriorRequest("parts", str(tmp_path), {}))[0] == "labels"
    assert resolve_source(PriorRequest("foreground", str(tmp_path), {}))[0] == "masks"


def test_every_source_of_the_catalog_is_there_with_a_sentence() -> None:
    assert len(list_priors()) == 10
    assert all(len(words) > 10 for _, _, words in list_priors())


def test_alpha_is_read_from_the_source_and_averaged(tmp_path: Path) -> None:
    source = open_source(_save(tmp_path / "p", "a.png", _cutout()))
    whole, part = (
        Original(source, 0, None, (10, 20)),
        Original(source, 0, Window(0, 10, 20, 20), (5, 5)),
    )
    one, two = AlphaForeground().draw([whole, part])
    assert one.shape == (10, 20)
    assert one[0].tolist() == [128] * 5 + [0] * 5 + [255] * 10
    assert two[0].tolist() == [0, 0, 128, 255, 255]


def test_alpha_is_chosen_where_pictures_are_transparent_and_grabcut_elsewhere(
    tmp_path: Path,
) -> None:
    clear = Original(open_source(_save(tmp_path / "p", "a.png", _cutout())), 0, None, (20, 40))
    opaque = Original(
        open_source(_save(tmp_path / "q", "a.png", _cutout()[:, :, :3])), 0, None, (20, 40)
    )
    prior, words = build_prior(PriorRequest("foreground", None, {}), 0, [clear])
    assert isinstance(prior, AlphaForeground)
    assert words == "from alpha, because 1 of 1 pictures looked at are partly transparent"
    prior, words = build_prior(PriorRequest("foreground", None, {}), 7, [opaque])
    assert prior == GrabCutForeground(seed=7)
    assert "rough" in words


def test_attention_needs_a_network() -> None:
    with pytest.raises(MaskwrightError, match=r"No source of attention fits.*It needs a source"):
        build_prior(PriorRequest("attention", None, {}), 0, [])


def test_grabcut_finds_a_disk_and_repeats_itself(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:96, :96]
    disk = (rows - 40) ** 2 + (cols - 56) ** 2 < 24**2
    noise = np.random.default_rng(0).integers(0, 30, (96, 96, 3))
    pixels = (np.where(disk[:, :, None], (200, 60, 40), (40, 90, 160)) + noise).astype(np.uint8)
    original = Original(open_source(_save(tmp_path / "p", "a.png", pixels)), 0, None, (96, 96))
    (found,), (again,) = (GrabCutForeground(seed=1).draw([original]) for _ in range(2))
    assert ((found > 127) & disk).sum() / ((found > 127) | disk).sum() > 0.9
    assert np.array_equal(found, again)


def test_supplied_masks_and_label_maps_are_cut_with_the_picture(tmp_path: Path) -> None:
    source = open_source(_save(tmp_path / "p", "a.png", np.zeros((8, 16, 3), dtype=np.uint8)))
    mask = np.zeros((8, 16), dtype=np.uint8)
    mask[:, 8:] = 255
    place = _save(tmp_path / "masks", "a.png", mask)
    (share,) = SuppliedForeground(file=str(place)).draw(
        [Original(source, 0, Window(0, 6, 8, 8), (4, 4))]
    )
    assert share[0].tolist() == [0, 255, 255, 255]
    labels = Image.fromarray(np.where(mask > 0, 7, 3).astype(np.uint8), mode="L").convert("P")
    labels.putdata(np.where(mask > 0, 7, 3).ravel().tolist())
    (tmp_path / "maps").mkdir()
    labels.save(tmp_path / "maps/a.png")
    (tmp_path / "maps/classes.csv").write_text("id,name\n3,wall\n7,window\n")
    prior = SuppliedParts(file=str(tmp_path / "maps"))
    assert prior.plan().parts == ("wall", "window")
    (parts,) = prior.draw([Original(source, 0, Window(0, 6, 8, 8), (4, 4))])
    assert parts[0].tolist() == [1, 2, 2, 2]
    (only,) = SuppliedParts(file=str(tmp_path / "maps"), only=("window",)).draw(
        [Original(source, 0, None, (8, 16))]
    )
    assert only[0].tolist() == [0] * 8 + [1] * 8


def test_a_missing_or_misshapen_supplied_map_is_named(tmp_path: Path) -> None:
    source = open_source(_save(tmp_path / "p", "b.png", np.zeros((8, 16, 3), dtype=np.uint8)))
    place = _save(tmp_path / "masks", "a.png", np.zeros((8, 8), dtype=np.uint8))
    prior, original = SuppliedForeground(file=str(place)), Original(source, 0, None, (8, 16))
    with pytest.raises(
        MaskwrightError, match=r"has no map for the picture 'b.png': looked for b.png"
    ):
        prior.draw([original])
    _save(tmp_path / "masks", "b.png", np.zeros((8, 8), dtype=np.uint8))
    with pytest.raises(MaskwrightError, match=r"is 8x8, its picture 'b.png' 8x16"):
        SuppliedForeground(file=str(place)).draw([original])


def test_boxes_are_painted_small_over_large(tmp_path: Path) -> None:
    source = open_source(_save(tmp_path / "p", "a.png", np.zeros((20, 20, 3), dtype=np.uint8)))
    table = tmp_path / "t.csv"
    table.write_text(
        "file,left_eye_x,left_eye_y,left_eye_w,left_eye_h,face_x,face_y,face_w,face_h,nose_x,nose_y\na.png,4,4,4,4,2,2,16,16,10,12\n"
    )
    prior = BoxParts(file=str(table))
    assert prior.plan().parts == ("eyes", "face", "nose")
    (drawn,) = prior.draw([Original(source, 0, None, (20, 20))])
    assert (drawn == 1).sum() == 16
    assert drawn[5, 5] == 1
    assert drawn[12, 10] == 3
    assert (drawn > 0).sum() == 256
    (cut,) = prior.draw([Original(source, 0, Window(2, 2, 10, 10), (5, 5))])
    assert cut[1:3, 1:3].tolist() == [[1, 1], [1, 1]]
    (share,) = BoxForeground(file=str(table)).draw([Original(source, 0, None, (20, 20))])
    assert (share == 255).sum() == 256


def test_corner_boxes_coco_and_tables_in_archives_are_read(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "file,part,x_min,y_min,x_max,y_max\na.jpg,,0,0,9,4\na.jpg,tail,1,1,2,2\n"
    )
    assert BoxTable(str(tmp_path / "c.csv")).find("deep/a.jpg") == [
        Part("object", 0, 0, 10, 5),
        Part("tail", 1, 1, 2, 2),
    ]
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
        "categories": [{"id": 5, "name": "person", "keypoints": ["left_eye", "nose"]}],
        "annotations": [
            {
                "image_id": 1,
                "category_id": 5,
                "bbox": [0, 0, 100, 50],
                "keypoints": [10, 10, 2, 0, 0, 0],
            }
        ],
    }
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("in/t.json", json.dumps(coco))
    table = BoxTable(str(tmp_path / "z.zip/in/t.json"))
    assert table.names == ("person", "eyes")
    assert table.find("a.jpg")[1] == Part("eyes", 4, 4, 12, 12)
    assert table.find("b.jpg") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,a\nx,1\n", "needs a column file and boxes"),
        ("file,a_x,a_y\nx,one,2\n", "not made of numbers"),
    ],
)
def test_a_bad_table_gets_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(MaskwrightError, match=message):
        BoxParts(file=str(tmp_path / "t.csv")).plan()


def test_a_cascade_file_that_is_none_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<nothing/>")
    with pytest.raises(MaskwrightError, match="neither a cascade file"):
        CascadeParts(file=str(tmp_path / "missing.xml")).plan()


def test_attention_of_a_stand_in_lands_on_the_pixels_it_is_of(tmp_path: Path) -> None:
    class Brightness:
        def attention(self, images: torch.Tensor) -> torch.Tensor:
            assert images.dtype == torch.uint8
            return torch.nn.functional.adaptive_avg_pool2d(images.float().mean(1), (4, 4))

    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:8, 24:] = 200
    source = open_source(_save(tmp_path / "p", "a.png", pixels))
    prior = AttentionMap(file="stand-in", teacher=Brightness())
    assert prior.plan().name == "attention"
    square, wide = prior.draw(
        [Original(source, 0, None, (32, 32)), Original(source, 0, Window(0, 0, 16, 32), (16, 32))]
    )
    assert (square.max(), square[2, 29], square[20, 5]) == (255, 255, 0)
    assert wide.shape == (16, 32)
    assert wide[2, 30] == 255
    with pytest.raises(MaskwrightError, match="attention needs a network"):
        AttentionMap().plan()


def test_rembg_is_asked_for_a_mask_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.ModuleType("rembg")
    asked: list[str] = []
    stand_in.new_session = lambda model: asked.append(model) or model  # type: ignore[attr-defined]

    def remove(image: Image.Image, session: str, only_mask: bool) -> Image.Image:
        assert only_mask
        return image.convert("L").point(lambda value: 255 if value > 100 else 0)

    stand_in.remove = remove  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rembg", stand_in)
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[:, 4:] = 200
    prior = ModelForeground(model="isnet-anime")
    assert "isnet-anime" in prior.plan().made
    (share,) = prior.draw(
        [Original(open_source(_save(tmp_path / "p", "a.png", pixels)), 0, None, (8, 8))]
    )
    assert asked == ["isnet-anime"]
    assert share[0].tolist() == [0] * 4 + [255] * 4


def test_without_rembg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rembg", None)
    with pytest.raises(MaskwrightError, match=r"pip install 'maskwright\[rembg\]'"):
        ModelForeground().plan()


def test_a_model_file_is_run_as_u2net_is(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper = onnx.helper
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=1)]
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size, 16, 16])
        for name, size in (("x", 3), ("y", 1))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:]),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.save(model, str(tmp_path / "m.onnx"))
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, 16:] = 200
    prior, words = build_prior(
        PriorRequest("foreground", str(tmp_path / "m.onnx"), {"model": "isnet-anime"}), 0, []
    )
    assert "from rembg" in words
    (share,) = prior.draw(
        [Original(open_source(_save(tmp_path / "p", "a.png", pixels)), 0, None, (8, 8))]
    )
    assert share[0, 0] == 0
    assert share[0, -1] == 255
