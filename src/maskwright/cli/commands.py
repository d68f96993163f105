"""The commands by name: each a sentence, its flags and a function that calls one workflow and
prints what it returns.
"""

from __future__ import annotations

from maskwright.cli.diagnose_commands import diagnose_flags, run_diagnose
from maskwright.cli.export_commands import embed_flags, export_flags, run_embed, run_export
from maskwright.cli.flags import Command
from maskwright.cli.learning_commands import (
    demo_flags,
    finetune_flags,
    prepare_flags,
    pretrain_flags,
    run_demo,
    run_finetune,
    run_prepare,
    run_pretrain,
    run_select,
    select_flags,
)
from maskwright.cli.looking_commands import (
    evaluate_flags,
    inspect_flags,
    list_flags,
    masks_flags,
    reconstruct_flags,
    run_doctor,
    run_evaluate,
    run_inspect,
    run_list,
    run_masks,
    run_reconstruct,
)
from maskwright.cli.study_commands import (
    compare_flags,
    publish_flags,
    run_compare,
    run_publish,
    run_study,
    study_flags,
)

COMMANDS: dict[str, Command] = {
    "pretrain": Command(
        "learn from pictures by masking patches",
        "Pretrain a masked autoencoder on pictures. Only DATA is required; the rest is chosen to"
        " fit and printed.",
        pretrain_flags,
        run_pretrain,
    ),
    "prepare": Command(
        "cut and shrink pictures once, with maps of foreground, attention and parts",
        "Write a store of pictures and maps aligned with them; use the folder as DATA everywhere. A"
        " killed run goes on when repeated.",
        prepare_flags,
        run_prepare,
    ),
    "evaluate": Command(
        "measure what an encoder learned, on labeled pictures",
        "Probes of frozen features (k-NN, linear, attentive ...), several encoders side by side,"
        " beside random weights and raw pixels.",
        evaluate_flags,
        run_evaluate,
    ),
    "diagnose": Command(
        "ask encoders whether they see shape or texture",
        "Diagnostics with a fixed linear probe, beside random weights and raw pixels: a table, and"
        " a figure and a JSON for each test.",
        diagnose_flags,
        run_diagnose,
    ),
    "finetune": Command(
        "train a classifier from an encoder on labeled pictures",
        "Fine-tune all weights with strong augmentation and layer-wise rates, answer the test"
        " pictures once, export for timm.",
        finetune_flags,
        run_finetune,
    ),
    "reconstruct": Command(
        "see what a run fills in: original, masked, prediction, composite",
        "Write one PNG and its numbers: pictures masked by a policy, several runs, policies, ratios"
        " or epochs side by side, every pixel (--full), or a hole that you painted (--mask).",
        reconstruct_flags,
        run_reconstruct,
    ),
    "export": Command(
        "take a model to timm, transformers, ONNX or the official code",
        "Write a model in another format, read it back, and say by how much the two differ.",
        export_flags,
        run_export,
    ),
    "embed": Command(
        "write one vector per picture to a file",
        "Features of all pictures, with keys and labels, as .npz or .parquet.",
        embed_flags,
        run_embed,
    ),
    "masks": Command(
        "look at masks and their geometry before any training",
        "Write a gallery of masks and print their geometry.",
        masks_flags,
        run_masks,
    ),
    "select": Command(
        "learn which patches of a picture to keep, on a frozen run",
        "Train a small scorer so that the run's autoencoder fills in the rest best, and measure it"
        " beside random masks of the same count.",
        select_flags,
        run_select,
    ),
    "compare": Command(
        "find out which policy is better for your pictures, at the same compute",
        "Pretrain with each policy under several seeds, all with the same budget, measure them in"
        " the same way, and say what is real.",
        compare_flags,
        run_compare,
    ),
    "study": Command(
        "run a plan of many trainings and compare its arms",
        "Run the trials of a PLAN that are missing, with one worker or several, and compare the"
        " arms. Repeat the command to go on.",
        study_flags,
        run_study,
    ),
    "publish": Command(
        "write a finished study's report to keep under git or to show",
        "Copy the report of STUDY to PLACE without this machine's paths: report.html, report.md and"
        " study.json, told when over 2 MB.",
        publish_flags,
        run_publish,
    ),
    "list": Command(
        "list policies, models, recipes, losses, probes, diagnostics and more",
        "What can be named where.",
        list_flags,
        run_list,
    ),
    "inspect": Command(
        "say what a checkpoint or run folder is",
        "Kind, sizes, target, whether it can reconstruct.",
        inspect_flags,
        run_inspect,
    ),
    "doctor": Command(
        "check this machine and the mathematics on it",
        "Device, precision and self-checks.",
        list,
        run_doctor,
    ),
    "demo": Command(
        "the whole job on real pictures in a few minutes",
        "Pretrain on solar-cell pictures (package elpv-dataset), then k-NN, linear probe and"
        " reconstructions.",
        demo_flags,
        run_demo,
    ),
}
