"""The pictures of the gallery, drawn by the package itself on what other packages ship."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data as photographs
from torch import Tensor

import maskwright
from maskwright.data.sources.open import open_source
from maskwright.losses.objective import build_objective
from maskwright.patches.grid import Grid
from maskwright.patches.mask import put, split
from maskwright.patches.pixels import PixelScale, patchify, unpatchify
from maskwright.patches.target import FittedTarget, PatchShape, PixelTarget, measure_target
from maskwright.support.reporting import LogReporter
from maskwright.support.seeding import sample_rng
from maskwright.targets.building import build_target
from maskwright.visual.charts import BarPanel, Bars, bar_chart
from maskwright.visual.error_map import color_map
from maskwright.visual.picture_grid import GridLine, picture_grid
from maskwright.visual.png import to_png_bytes
from maskwright.visual.tiles import to_tile
from maskwright.weights.extractors import load_extractor
from maskwright.weights.opening import load_autoencoder
from maskwright.workflows.prepare import prepare

MODEL = "zoo:dead-leaves-32"
RENDERED = "shapes-textures:n=48,size=32"
# Where the face, the eyes and the cup are, in pixels of 192: x, y, width, height.
PARTS = """file,face_x,face_y,face_w,face_h,eyes_x,eyes_y,eyes_w,eyes_h
astronaut.png,66,20,44,62,70,40,36,14
chelsea.png,30,40,110,110,40,78,90,26
"""
# What the picture shows in place of the first example: it needs files or time otherwise.
PICTURED = {
    "policies": {
        "guided": "guided(source='zoo:dead-leaves-32')",
        "mixture": "0.5*random + 0.5*block(size=2)",
        "parts": "parts(whole=1)",
        "part_ratios": "part_ratios({face: 1, background: 0.6})",
        "complement": "complement(rectangles)",
        "given": "given(path='mask.png')",
    },
    "probes": {
        "linear": "linear(pooling='mean', iterations=20)",
        "layers": "layers(iterations=20)",
        "few_shot": "few_shot(shots=2, draws=2)",
        "finetune": "finetune(epochs=1)",
        "linear_official": "linear_official(epochs=2)",
        "segmentation": "segmentation(maps='MAPS')",
        "regression": "regression(values='numbers.csv')",
    },
    "diagnostics": {"restyled": "restyled(most=8, steps=10)"},
}
# Entries without a picture, and why.
NO_PICTURE = {
    "learned": "The policy needs a scorer that `maskwright select` trained on a run.",
    "cue-conflict": "The diagnostic needs pictures whose outline and surface disagree (--stimuli).",
    "stylized": "The diagnostic needs stylized copies of the test pictures (--stylized).",
}


@dataclass(frozen=True)
class Materials:
    """Everything that pictures are drawn with.

    place: a folder for what is written on the way.
    """

    place: Path

    @cached_property
    def photos(self) -> Path:
        """Three square photographs of 192 pixels."""
        folder = self.place / "photos"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("astronaut", "chelsea", "coffee"):
            _square(getattr(photographs, name)(), 192).save(folder / f"{name}.png")
        return folder

    @cached_property
    def store(self) -> Path:
        """The photographs with maps of foreground and parts."""
        parts, store = self.place / "parts.csv", self.place / "store"
        parts.write_text(PARTS, encoding="utf-8")
        mask = np.zeros((8, 8), dtype=np.uint8)
        # A ring: it has to be told from every other policy at a glance.
        mask[1:7, 1:7], mask[3:5, 3:5] = 255, 0
        Image.fromarray(mask).save(self.place / "mask.png")
        priors = f"foreground(from='grabcut'), parts(from='{parts}')"
        prepare(str(self.photos), out=str(store), size=96, priors=priors, reporter=LogReporter())
        return store

    @cached_property
    def model(self) -> Any:
        """The model of the zoo, both halves."""
        return load_autoencoder(MODEL)

    @cached_property
    def disks(self) -> Path:
        """Small pictures of a disk each, with its map and its radius."""
        folder, rng = self.place / "disks", np.random.default_rng(0)
        for kind in ("pictures", "maps"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        rows, cols = np.mgrid[:32, :32] / 32
        lines = ["file,value"]
        for index in range(60):
            center, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.12, 0.3)
            inside = (rows - center[0]) ** 2 + (cols - center[1]) ** 2 < radius**2
            ground, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
            drawn = np.where(inside[..., None], ink, ground) + rng.normal(0, 8, (32, 32, 3))
            name = f"{index:02d}.png"
            Image.fromarray(drawn.clip(0, 255).astype(np.uint8)).save(folder / "pictures" / name)
            Image.fromarray(inside.astype(np.uint8)).save(folder / "maps" / name)
            lines.append(f"{name},{radius:.3f}")
        (folder / "numbers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    @cached_property
    def textures(self) -> Path:
        """Cuts of three photographed surfaces, a folder each."""
        folder = self.place / "textures"
        for name in ("brick", "grass", "gravel"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            whole = getattr(photographs, name)()
            for index in range(36):
                row, col = divmod(index, 6)
                cut = whole[row * 85 : row * 85 + 64, col * 85 : col * 85 + 64]
                place = folder / name / f"{index:02d}.png"
                Image.fromarray(cut).convert("RGB").resize((32, 32)).save(place)
        return folder


Draw = Callable[[Materials, str, Path], None]


def draw_policy(materials: Materials, line: str, out: Path) -> None:
    """The masks of a policy on three photographs, and how often it hides each place."""
    written = line.replace("'mask.png'", f"'{materials.store.parent / 'mask.png'}'")
    maskwright.masks(
        str(materials.store),
        policy=[written],
        image_size=96,
        patch_size=12,
        draws=256,
        pictures=3,
        out=str(out),
        reporter=LogReporter(),
    )


def draw_loss(materials: Materials, line: str, out: Path) -> None:
    """A photograph, its prediction, and where a term would change the prediction."""
    loaded = materials.model
    grid = loaded.model.grid
    images = loaded.scale.to_model(_batch(materials.photos, 32))
    rng = sample_rng(0, 0, torch.arange(len(images)), "gallery")
    visible = grid.num_patches // 2
    mask = split(rng.uniform(grid.num_patches), visible, rng=rng.fork("split"))
    with torch.no_grad():
        prediction = loaded.model(images, mask)
    values = prediction.values.detach().requires_grad_()
    latent = prediction.latent.detach().requires_grad_()
    prediction = replace(prediction, values=values, latent=latent)
    term = build_objective(line, loaded.scale, load_extractor)
    term(prediction, images).total.backward()
    if values.grad is not None:
        blank = torch.zeros_like(prediction.patches)
        slope = unpatchify(put(blank, mask.predicted_ids, values.grad), grid).abs().mean(1)
    else:
        # A term on embeddings moves the tokens of visible patches.
        lengths = latent.grad[:, prediction.num_prefix :].norm(dim=2, keepdim=True)
        blank = torch.zeros(len(images), grid.num_patches, grid.patch_size**2)
        shown = lengths.expand(-1, -1, grid.patch_size**2)
        slope = put(blank, mask.visible_ids, shown)
        slope = slope.unflatten(1, (grid.rows, grid.cols))[..., 0]
        side = grid.patch_size
        slope = slope.repeat_interleave(side, 1).repeat_interleave(side, 2)
    composite = loaded.scale.to_display(prediction.to_picture().composite.detach())
    truth = loaded.scale.to_display(images)
    maps = [color_map(one, float(one.quantile(0.99)) or 1.0) for one in slope]
    _save_grid(out, {"picture": truth, "prediction": composite, "slope": maps})


def draw_target(materials: Materials, line: str, out: Path) -> None:
    """A photograph, and its target as pixels or as colors."""
    images = _batch(materials.photos, 96)
    scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    grid = Grid.of_image(96, 96, 8)
    shape = PatchShape(8, 3)
    pictures = scale.to_model(images)
    patches = patchify(pictures, 8)
    target = build_target(line, shape)
    if isinstance(target, FittedTarget):
        target.fit([patches])
    if target.traits.network is not None:
        # A training asks its own average; here the model of the zoo answers.
        tokens = maskwright.load(MODEL).encode(images).patches
        shown = _as_colors(tokens, tokens.shape[1])
    else:
        ids = torch.arange(grid.num_patches).expand(len(images), -1)
        values = measure_target(target, patches, grid, ids)
        if isinstance(target, PixelTarget):
            # Normalized patches are shown as they are predicted, without mean and deviation.
            as_pixels = values if target.traits.needs_stats else target.to_pixels(values, None)
            shown = scale.to_display(unpatchify(as_pixels.float(), grid))
        else:
            shown = _as_colors(values, grid.num_patches)
    _save_grid(out, {"picture": scale.to_display(pictures), "target": shown})


def draw_probe(materials: Materials, line: str, out: Path) -> None:
    """What a probe says of the model, of random weights and of raw pixels."""
    data, folder = RENDERED, materials.place / "eval"
    asked = line
    if "maps" in line or "values" in line:
        disks = materials.disks
        asked = line.replace("'MAPS'", f"'{disks / 'maps'}'")
        asked = asked.replace("'numbers.csv'", f"'{disks / 'numbers.csv'}'")
        data = str(disks / "pictures")
    shutil.rmtree(folder, ignore_errors=True)
    results = maskwright.evaluate(
        MODEL,
        data,
        probe=asked,
        out=str(folder),
        cache=False,
        # The slowest are asked of the model alone.
        baselines=not line.startswith(("few_shot", "attentive", "layers")),
        device="cpu",
        reporter=LogReporter(),
    )
    drawn = sorted(path for path in folder.glob("*.png") if "confusion" not in path.name)
    if drawn:
        shutil.copy(drawn[0], out)
        return
    names, intervals = [], []
    for encoder, by_probe in results.items():
        for result in by_probe.values():
            names.append(encoder)
            intervals.append(_main_number(result))
    bars = Bars(
        line,
        tuple(names),
        tuple(one["value"] for one in intervals),
        tuple(one["low"] for one in intervals),
        tuple(one["high"] for one in intervals),
    )
    chart = bar_chart(BarPanel("encoder", intervals[0]["name"], [bars]), line)
    out.write_bytes(to_png_bytes(chart))


def draw_diagnostic(materials: Materials, line: str, out: Path) -> None:
    """The figure of a diagnostic for the model of the zoo."""
    folder = materials.place / "diagnose"
    shutil.rmtree(folder, ignore_errors=True)
    more = {"textures": str(materials.textures)} if line == "texture" else {}
    maskwright.diagnose(
        MODEL,
        on=RENDERED,
        tests=line,
        out=str(folder),
        # Without random weights and raw pixels, for the sake of the time that a build takes.
        baselines=False,
        device="cpu",
        reporter=LogReporter(),
        **more,
    )
    shutil.copy(next(folder.glob("*.png")), out)


DRAWN: dict[str, Draw] = {
    "policies": draw_policy,
    "losses": draw_loss,
    "targets": draw_target,
    "probes": draw_probe,
    "diagnostics": draw_diagnostic,
}


def draw_sources(out: Path) -> None:
    """Pictures of each source that is rendered."""
    lines = []
    for name in ("dead-leaves", "shapes-textures"):
        source = open_source(f"{name}:n=6,size=96")
        tiles = []
        for index in range(6):
            picture = torch.from_numpy(np.array(source.read(index)))
            tiles.append(to_tile(picture.permute(2, 0, 1).float() / 255))
        lines.append(GridLine(tiles, (), titles=(name, *[""] * 5)))
    out.write_bytes(to_png_bytes(picture_grid(lines)))


def _main_number(result: dict[str, Any]) -> dict[str, Any]:
    """The first number of a result that has an interval."""
    found = [
        {**value, "name": name}
        for name, value in _walk(result)
        if isinstance(value, dict) and {"value", "low", "high"} <= set(value)
    ]
    return found[0]


def _walk(result: Any, name: str = "") -> list[tuple[str, Any]]:
    found = [(name, result)]
    if isinstance(result, dict):
        for key, value in result.items():
            found += _walk(value, str(key))
    return found


def _square(picture: np.ndarray, side: int) -> Image.Image:
    """The middle of a photograph."""
    least = min(picture.shape[:2])
    top, left = (picture.shape[0] - least) // 2, (picture.shape[1] - least) // 2
    cut = Image.fromarray(picture[top : top + least, left : left + least])
    return cut.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)


def _batch(photos: Path, side: int) -> Tensor:
    """(3, 3, side, side) uint8."""
    pictures = [_square(np.asarray(Image.open(path)), side) for path in sorted(photos.glob("*"))]
    return torch.stack([torch.from_numpy(np.array(one)).permute(2, 0, 1) for one in pictures])


def _as_colors(values: Tensor, count: int) -> Tensor:
    """(B, 3, rows, cols) colors in [0, 1]: three principal components of (B, count, T) values."""
    flat = values.float().reshape(-1, values.shape[-1])
    flat = flat - flat.mean(0)
    _, _, axes = torch.pca_lowrank(flat, q=3, center=False)
    three = flat @ axes
    low, high = three.quantile(0.02, dim=0), three.quantile(0.98, dim=0)
    unit = ((three - low) / (high - low)).clamp(0, 1).reshape(len(values), count, 3)
    side = round(count**0.5)
    small = unit.reshape(len(values), side, side, 3).permute(0, 3, 1, 2)
    return small.repeat_interleave(96 // side, 2).repeat_interleave(96 // side, 3)


def _save_grid(out: Path, columns: dict[str, Any]) -> None:
    """Save pictures in [0, 1] side by side, one row for each photograph."""
    lines = []
    for row in range(len(next(iter(columns.values())))):
        tiles = [to_tile(pictures[row]) for pictures in columns.values()]
        titles = tuple(columns) if row == 0 else ()
        lines.append(GridLine(tiles, (), titles=titles, last=False))
    out.write_bytes(to_png_bytes(picture_grid(lines)))
