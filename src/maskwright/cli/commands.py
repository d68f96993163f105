"""The commands by name, as a table: what each says about itself, what it takes and which function
runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Any

from maskwright.cli.console import ConsoleReporter
from maskwright.cli.endings import (
    end_doctor,
    end_finetune,
    end_pretrain,
    finish,
    print_names,
    print_register,
    print_result,
)
from maskwright.workflows.settings.arguments import Arguments, arguments_of

SETTINGS = "maskwright.workflows.settings"
WORKFLOWS = "maskwright.workflows"
STUDIES = "maskwright.studies"


@dataclass(frozen=True)
class Command:
    """One command; arguments and workflow are imported only when they are needed.

    summary: a few words for the list of commands.
    description: a longer sentence for its own help.
    arguments: "module:name" of the settings, free of torch.
    workflow: "module:name" of the function that does the work.
    end: what is done with the result; returns the exit code.
    """

    summary: str
    description: str
    arguments: str
    workflow: str
    end: Callable[[Any], int] = finish


def run_command(name: str, given: dict[str, Any]) -> int:
    """Check the options of a command, run its workflow and return the exit code."""
    command, arguments = COMMANDS[name], find_arguments(name)
    # A mistake answers here, before the seconds that importing torch takes.
    options, others = arguments.read(name, given)
    if arguments.check is not None:
        arguments.check(options, others)
    workflow = _import(command.workflow)
    # What only answers a question, such as `list`, reports nothing on its way.
    if "reporter" in signature(workflow).parameters:
        given = {**given, "reporter": ConsoleReporter()}
    return command.end(workflow(**given))


@cache
def find_arguments(name: str) -> Arguments:
    """What a command takes."""
    return arguments_of(_import(COMMANDS[name].arguments))


def _import(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


COMMANDS: dict[str, Command] = {
    # Look at the pictures first.
    "survey": Command(
        "look at pictures before any training: what is there, and at which size to train",
        "Report how many pictures there are, their sizes and classes, which are broken or"
        " duplicates, what each image size would lose and cost, and which pretrain command to"
        " begin with.",
        f"{SETTINGS}.survey_settings:SurveySettings",
        f"{WORKFLOWS}.survey:survey",
    ),
    # Learn without labels.
    "pretrain": Command(
        "learn from pictures by masking patches",
        "Pretrain a masked autoencoder on pictures. Only DATA is required; the rest is chosen to"
        " fit and printed.",
        f"{SETTINGS}.pretrain_options:PRETRAIN",
        f"{WORKFLOWS}.pretrain:pretrain",
        end_pretrain,
    ),
    "prepare": Command(
        "cut and shrink pictures once, with maps of foreground, attention and parts",
        "Write a store of pictures and maps aligned with them; use the folder as DATA everywhere."
        " Repeat the command to go on after an interruption.",
        f"{SETTINGS}.prepare_settings:PrepareSettings",
        f"{WORKFLOWS}.prepare:prepare",
    ),
    # Measure what was learned.
    "evaluate": Command(
        "measure what an encoder learned, on labeled pictures",
        "Measure frozen features with probes (k-NN, linear, attentive ...): several encoders"
        " side by side, beside random weights and raw pixels.",
        f"{SETTINGS}.evaluate_settings:EvaluateSettings",
        f"{WORKFLOWS}.evaluate:evaluate",
    ),
    "diagnose": Command(
        "ask encoders whether they see shape or texture",
        "Test encoders with a fixed linear probe, beside random weights and raw pixels. Writes"
        " a table, and a figure and a JSON file for each test.",
        f"{SETTINGS}.diagnose_settings:DiagnoseSettings",
        f"{WORKFLOWS}.diagnose:diagnose",
    ),
    "finetune": Command(
        "train a classifier from an encoder on labeled pictures",
        "Fine-tune all weights with strong augmentation and layer-wise rates, answer the test"
        " pictures once, export for timm.",
        f"{SETTINGS}.finetune_options:FINETUNE",
        f"{WORKFLOWS}.finetune:finetune",
        end_finetune,
    ),
    "anomalies": Command(
        "rank pictures by how unlike normal ones they are, with heat maps",
        "Score pictures without labels: how much harder they are to fill in than normal"
        " pictures, and how far their patches are from all normal ones. Writes a sheet, a CSV"
        " and a JSON file.",
        f"{SETTINGS}.anomalies_settings:AnomaliesSettings",
        f"{WORKFLOWS}.anomalies:anomalies",
    ),
    # Look at it, and carry it elsewhere.
    "reconstruct": Command(
        "see what a run fills in: original, masked, prediction, composite",
        "Write one PNG and its numbers: pictures masked by a policy, several runs, policies, ratios"
        " or epochs side by side, every pixel (--full), or a hole that you painted (--mask).",
        f"{SETTINGS}.reconstruct_settings:ReconstructSettings",
        f"{WORKFLOWS}.reconstruct:reconstruct",
    ),
    "export": Command(
        "take a model to timm, transformers, ONNX or the official code",
        "Write a model in another format, read it back, and say by how much the two differ.",
        f"{SETTINGS}.export_settings:ExportSettings",
        f"{WORKFLOWS}.export:export",
    ),
    "embed": Command(
        "write one vector per picture to a file",
        "Write the features of all pictures, with their names and labels, as .npz or .parquet.",
        f"{SETTINGS}.embed_settings:EmbedSettings",
        f"{WORKFLOWS}.embed:embed",
    ),
    "neighbors": Command(
        "find similar pictures and near-duplicates in embedded pictures",
        "Find the pictures most similar to each one, by the features that `maskwright embed`"
        " wrote. Writes a sheet, tables, and the pairs that are nearly the same picture.",
        f"{SETTINGS}.neighbors_settings:NeighborsSettings",
        f"{WORKFLOWS}.neighbors:neighbors",
    ),
    "masks": Command(
        "look at masks and their geometry before any training",
        "Write a gallery of masks and print their geometry.",
        f"{SETTINGS}.masks_settings:MasksSettings",
        f"{WORKFLOWS}.masks:masks",
    ),
    "select": Command(
        "learn which patches of a picture to keep, on a frozen run",
        "Train a small scorer so that the run's autoencoder fills in the rest best, and measure it"
        " beside random masks of the same count.",
        f"{SETTINGS}.select_options:SELECT",
        f"{WORKFLOWS}.select:select",
    ),
    # Compare many trainings at the same compute.
    "compare": Command(
        "find out which policy is better for your pictures, at the same compute",
        "Pretrain with each policy under several seeds, all with the same budget, measure them in"
        " the same way, and say which differences are real.",
        f"{SETTINGS}.study_settings:COMPARE",
        f"{STUDIES}.study:compare",
    ),
    "study": Command(
        "run a plan of many trainings and compare its arms",
        "Run the trials of a PLAN that are missing, with one worker or several, and compare the"
        " arms. Repeat the command to go on.",
        f"{SETTINGS}.study_settings:StudySettings",
        f"{STUDIES}.study:study",
    ),
    "publish": Command(
        "write a finished study's report to keep under git or to show",
        "Copy the report of STUDY to PLACE without this machine's paths: report.html, report.md and"
        " study.json, with a warning when over 2 MB.",
        f"{SETTINGS}.study_settings:PublishSettings",
        f"{STUDIES}.publishing:publish",
    ),
    # Paint masks and look at everything in a browser.
    "studio": Command(
        "open a local page where you paint a mask and see what a model believes",
        "Serve a page on this machine: paint masks and watch models fill them in, and look at"
        " policies, runs and studies. Ctrl-C ends it. Needs maskwright[studio].",
        f"{SETTINGS}.studio_settings:StudioSettings",
        "maskwright.studio.serve:serve_studio",
    ),
    # Find the way around.
    "runs": Command(
        "list the runs below a folder, with their numbers and states",
        "Show a table of all runs: data, masks, loss, k-NN, minutes, and whether each is still"
        " running. Filter, sort, compare settings (--diff), or write CSV and JSON.",
        f"{SETTINGS}.runs_settings:RunsSettings",
        f"{WORKFLOWS}.register:list_runs",
        print_register,
    ),
    "list": Command(
        "list policies, models, recipes, losses, probes, diagnostics and more",
        "List the names that flags and recipes take, with a line on each.",
        f"{SETTINGS}.list_settings:ListSettings",
        "maskwright.cli.lists:list_names",
        print_names,
    ),
    "inspect": Command(
        "say what a checkpoint or run folder is",
        "Show what kind of model it is, its sizes, its target, and whether it can reconstruct.",
        f"{SETTINGS}.inspect_settings:InspectSettings",
        f"{WORKFLOWS}.inspect:describe",
        print_result,
    ),
    "doctor": Command(
        "say whether a pretraining works, or check this machine",
        "Say what a RUN has learned (no labels needed), what is wrong, and which command fixes"
        " it. Without a RUN, check this machine and the mathematics on it. Exit code 0: it has"
        " learned, or the machine is sound; 1: not yet, or not working; 2: it could not be"
        " examined, or a check failed.",
        f"{SETTINGS}.doctor_settings:DoctorSettings",
        f"{WORKFLOWS}.doctor:doctor",
        end_doctor,
    ),
    "demo": Command(
        "the whole job on real pictures in a few minutes",
        "Pretrain on solar-cell pictures (package elpv-dataset), then measure with k-NN and a"
        " linear probe, and draw reconstructions.",
        f"{SETTINGS}.demo_settings:DemoSettings",
        f"{WORKFLOWS}.demo:demo",
    ),
}
