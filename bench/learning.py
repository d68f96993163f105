"""What a masked autoencoder has learned after so much time: frozen probes and filling in, for ours
and for the MAEs of transformers and lightly.

python bench/learning.py --data CIFAR10.zip --minutes 8 [--parts 4] [--seeds 0 1 2] [--out DIR]
python bench/learning.py --data CIFAR10.zip --steps 1200     # busy machine: equal steps

Arms (--arms): random (weights that nothing was learned by), ours (no settings but data and length),
peer (its example's recipe), tuned (the best of five rates, AdamW betas 0.9 and 0.95; the search is
not charged, and --tuned-rate takes the rate of an earlier one), lightly (its own example's recipe
and size), and "NAME=flags of maskwright pretrain", e.g. "patch2=--patch-size 2 --ratio 0.85
--predict 0.2". Each arm trains in processes of its own that take turns, a part of the length at a
time; after each part it is measured with `maskwright evaluate` and on pictures filled in, outside
its time. The cosine of every arm is laid out for the whole length, so the points before the last
are on the way, not ends. What is read of encoders is the same for all, random weights too.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import maskwright
from learning_peer import EXAMPLE_RATE, Peer, PeerRun, TransformersPeer, TransformersRecipe
from maskwright.evaluation.fill import fill_pixels, hidden_pixels
from maskwright.evaluation.knn import measure_knn
from maskwright.evaluation.metrics import masked_psnr
from maskwright.evaluation.readout import read_features
from maskwright.evaluation.reconstruction import measure_reconstruction
from maskwright.masking.uniform import RandomPolicy
from maskwright.support.environment import describe_device, versions
from maskwright.support.reporting import LogReporter
from maskwright.workflows.building.mask_samples import MaskDraw, mask_samples
from maskwright.workflows.loading.pictures import Pictures, eval_batch, eval_batches, find, load
from maskwright.workflows.runs.locate import load_any
from maskwright.workflows.settings.geometry_choices import choose_patch
from maskwright.workflows.settings.pretrain_settings import DataSettings

PEERS = ("peer", "tuned", "lightly")
RATES = (3e-4, 1e-3, 2e-3, 4e-3, 8e-3)
TUNING_SHARE = 0.2
FILLED_PICTURES = 256
QUIET: dict[str, Any] = {"track": ["none"], "sample_every": 100_000, "knn_every": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--split", default="train")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=["random", "ours", "peer", "tuned"])
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--peer-model", default="vit_nano")
    parser.add_argument("--tuned-rate", type=float, help="found before: nothing is searched")
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--features", default="statistics")
    parser.add_argument("--out", default="runs/bench-learning")
    parser.add_argument("--turn", help="what a child process does, as JSON")
    options = parser.parse_args()
    if options.turn:
        take_turn(json.loads(options.turn))
    elif options.data is None or (options.minutes is None) == (options.steps is None):
        parser.error("give --data, and one of --minutes and --steps")
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Let the arms take turns, print a line per measurement, then a table over seeds."""
    load_now = os.getloadavg()[0]
    print(f"{versions()} {describe_device(torch.device('cpu'))} load {load_now:.1f}")
    print(vars(options), flush=True)
    Path(options.out).mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in options.seeds:
        if "random" in options.arms:
            rows.append(run_child(options, "random", seed, 0.0))
        rates = {"peer": EXAMPLE_RATE}
        if "tuned" in options.arms:
            rates["tuned"] = options.tuned_rate or tune(options, seed)
        for part in range(1, options.parts + 1):
            for arm in [arm for arm in options.arms if arm != "random"]:
                rows.append(run_child(options, arm, seed, part / options.parts, rates))
    (Path(options.out) / "learning.json").write_text(json.dumps(rows, indent=1))
    print_table(rows)


def tune(options: argparse.Namespace, seed: int) -> float:
    """The peer's rate with the best k-NN of held-out training pictures after a fifth of the length;
    no test picture is looked at.
    """
    found = {}
    for rate in RATES:
        name = f"rate{rate:g}"
        row = run_child(options, name, seed, 1.0, {name: rate}, tuning=True)
        found[rate] = row["knn"][0]
    best = max(found, key=lambda rate: found[rate])
    print(f"seed {seed}: the tuned peer takes {best:g} of {found}", flush=True)
    return best


def run_child(
    options: argparse.Namespace,
    arm: str,
    seed: int,
    share: float,
    rates: dict[str, float] | None = None,
    *,
    tuning: bool = False,
) -> dict[str, Any]:
    """Train an arm up to a share of its length in a process of its own, and measure it there.

    tuning: for a part of the length, to choose a rate.
    """
    unit = "steps" if options.steps else "minutes"
    length = TUNING_SHARE if tuning else 1.0
    whole = length * (options.steps or options.minutes)
    turn = {**vars(options), "arm": arm, "seed": seed, "until": share * whole, "whole": whole}
    turn |= {"unit": unit, "rate": (rates or {}).get(arm), "tuning": tuning}
    turn["folder"] = str(Path(options.out) / f"{arm.partition('=')[0]}-{seed}")
    done = subprocess.run(
        [sys.executable, __file__, "--turn", json.dumps(turn)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    row = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(row), flush=True)
    return row


def take_turn(turn: dict[str, Any]) -> None:
    """In a child: go on with a training up to its share, measure, and print one line of JSON."""
    settings = DataSettings(data=turn["data"], split=turn["split"], image_size=turn["side"])
    source, _ = find(settings, None, LogReporter(visible=False))
    pictures = load(settings, source, turn["seed"], LogReporter(visible=False))
    folder = Path(turn["folder"])
    spent: dict[str, Any] = {"steps": 0, "seconds": 0.0}
    place, can_fill = "random", False
    # Trials of rates are trainings of the tuned peer.
    if turn["tuning"] or turn["arm"] in PEERS:
        spent, peer = train_peer(turn, pictures, folder)
        place, can_fill = peer.place(folder), peer.has_our_pixels
    elif turn["arm"] != "random":
        spent = train_ours(turn, folder)
        place, can_fill = str(folder / "run"), True
    row = {"arm": turn["arm"].partition("=")[0], "seed": turn["seed"], **spent}
    if turn["tuning"]:
        row |= measure_held_out(turn, place, pictures)
    else:
        row |= measure_probes(turn, place)
        row |= measure_filling(place, pictures) if can_fill else {}
    print(json.dumps(row))


def train_ours(turn: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A part of `maskwright pretrain`: begun or resumed, and stopped when its share is spent."""
    run_folder = folder / "run"
    is_begun = run_folder.exists()
    clock = {"steps": "step", "minutes": "seconds"}[turn["unit"]]
    until = turn["until"] * (60 if turn["unit"] == "minutes" else 1)

    def is_spent(row: dict[str, Any]) -> bool:
        return row.get(clock, 0) >= until

    if is_begun:
        run = maskwright.pretrain(resume=True, out=run_folder, watch=is_spent)
    else:
        given = read_flags(turn["arm"].partition("=")[2])
        length = {turn["unit"]: int(turn["whole"]) if turn["unit"] == "steps" else turn["whole"]}
        own = {"split": turn["split"], "seed": turn["seed"], "out": run_folder}
        run = maskwright.pretrain(
            turn["data"], watch=is_spent, **{**QUIET, **length, **own, **given}
        )
    return {"steps": run.status["step"], "seconds": run.status["seconds"]}


def read_flags(text: str) -> dict[str, str]:
    """`--patch-size 2 --ratio 0.85` as arguments of `maskwright.pretrain`."""
    words = shlex.split(text)
    names = [word.removeprefix("--").replace("-", "_") for word in words[::2]]
    return dict(zip(names, words[1::2], strict=True))


def train_peer(
    turn: dict[str, Any], pictures: Pictures, folder: Path
) -> tuple[dict[str, Any], Peer]:
    """A part of a peer's training: what it took, and the peer."""
    run = PeerRun(build_peer(turn, pictures), pictures, folder, turn["seed"])
    seconds = 60 if turn["unit"] == "minutes" else 1
    run.train(turn["until"] * seconds, turn["whole"] * seconds, turn["unit"])
    return {"steps": run.step, "seconds": round(run.seconds, 1)}, run.peer


def build_peer(turn: dict[str, Any], pictures: Pictures) -> Peer:
    """The peer of an arm."""
    if turn["arm"] == "lightly":
        # A package that nothing else here needs.
        from learning_lightly import LightlyPeer

        return LightlyPeer(turn["seed"])
    beta2 = 0.999 if turn["arm"] == "peer" else 0.95
    # The usual grid: the finer one that we take on a CPU would cost this model four times as much.
    patch = choose_patch(*pictures.size)
    recipe = TransformersRecipe(turn["rate"], beta2, turn["peer_model"], patch, turn["seed"])
    return TransformersPeer(recipe, pictures.size[0])


def measure_probes(turn: dict[str, Any], place: str) -> dict[str, Any]:
    """k-NN and linear top-1 with intervals on test pictures."""
    results = maskwright.evaluate(
        place,
        turn["data"],
        features=turn["features"],
        seed=turn["seed"],
        limit=turn["limit"],
        baselines=False,
        figures=False,
        cache=False,
        out=Path(turn["folder"]) / "eval",
    )
    (own,) = results.values()
    return {probe: format_top1(result["top1"]) for probe, result in own.items()}


def measure_held_out(turn: dict[str, Any], place: str, pictures: Pictures) -> dict[str, Any]:
    """k-NN of training pictures that were held out among others, for choices that no test picture
    may see.
    """
    assert pictures.held is not None
    loaded = load_any(place)
    some = torch.linspace(0, len(pictures.train) - 1, min(5000, len(pictures.train))).long()
    train, held = (
        read_features(
            loaded.model,
            eval_batches(store, pictures.size),
            turn["features"],
            scale=loaded.scale,
            device=torch.device("cpu"),
        ).labeled("mean")
        for store in (pictures.train.subset(some), pictures.held)
    )
    return {"knn": format_top1(measure_knn(train, held).answers.top1.to_dict())}


def format_top1(top1: dict[str, float]) -> list[float]:
    """Percent right, and the ends of its interval."""
    return [round(100 * top1[key], 2) for key in ("value", "low", "high")]


def measure_filling(place: str, pictures: Pictures) -> dict[str, float]:
    """PSNR in decibels over what random masks of 75 % hide of held-out pictures: the model, and the
    smooth fill.
    """
    loaded = load_any(place)
    grid = loaded.model.grid
    batch = eval_batch(pictures.fixed, pictures.size, FILLED_PICTURES)
    mask = mask_samples(RandomPolicy(), grid, batch.sample_ids, MaskDraw(0.75, 0, "common"))
    result = measure_reconstruction(loaded.model, batch.images, mask, loaded.scale)
    truth = batch.images.float() / 255
    is_hidden = hidden_pixels(mask, grid)
    smooth = masked_psnr(fill_pixels(truth, is_hidden).clamp(0, 1), truth, is_hidden)
    return {"psnr": round(float(result.psnr.mean()), 2), "smooth": round(float(smooth.mean()), 2)}


def print_table(rows: list[dict[str, Any]]) -> None:
    """Medians over seeds (least to most) after the whole length, and when ours passed what each
    peer has in the end.
    """
    last: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        ends = last.setdefault(row["arm"], [])
        ends[:] = [end for end in ends if end["seed"] != row["seed"]] + [row]
    for arm, ends in last.items():
        reported = [f"{arm:10}"]
        for key in ("knn", "linear", "psnr", "smooth"):
            values = [
                end[key][0] if isinstance(end[key], list) else end[key]
                for end in ends
                if key in end
            ]
            if values:
                middle = statistics.median(values)
                reported.append(f"{key} {middle:.1f} ({min(values):.1f} to {max(values):.1f})")
        print("  ".join(reported))
    for peer in PEERS:
        for goal in last.get(peer, []):
            print(format_time_to(rows, peer, goal))


def format_time_to(rows: list[dict[str, Any]], peer: str, goal: dict[str, Any]) -> str:
    """When each other arm first measured as well as a peer did in the end, in the same seed."""
    wanted = goal["linear"][0]
    whole = f"{goal['seconds']:.0f} s, {goal['steps']:,} steps"
    reported = [f"seed {goal['seed']}: {peer} ends at linear {wanted:.1f} after {whole}"]
    same_seed = [row for row in rows if row["seed"] == goal["seed"] and row["arm"] != peer]
    for arm in dict.fromkeys(row["arm"] for row in same_seed):
        passed = [row for row in same_seed if row["arm"] == arm and row["linear"][0] >= wanted]
        if passed:
            first = passed[0]
            reported.append(
                f"{arm} was there by {first['seconds']:.0f} s, {first['steps']:,} steps"
            )
        else:
            reported.append(f"{arm} never was there")
    return "; ".join(reported)


if __name__ == "__main__":
    main()
