"""``arae-toolkit nli``: a classifier of sentence pairs from few labels."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.config.overrides import with_overrides
from arae_toolkit.nli.settings import (
    MODELS,
    OBJECTIVES,
    OF_PRETRAINING,
    OUTSIDE,
    OUTSIDE_OBJECTIVE,
    TUNED_RATE,
    ModelName,
)
from arae_toolkit.recipes.nli.options import classifier_name, find_nli_run, refuse_unused
from arae_toolkit.recipes.nli.seeds import (
    draw_labels,
    fitted,
    objective_for,
    open_encoder,
    open_outside,
    train_seeds,
)
from arae_toolkit.recipes.shared.child_processes import (
    command_line,
    first_goes_ahead,
    join,
    launch,
    own_device,
    processes_option,
    signals_noted,
)
from arae_toolkit.recipes.shared.commands import ExamplesGroup
from arae_toolkit.recipes.shared.corpora import open_pairs, run_name
from arae_toolkit.recipes.shared.option_types import NumberRange
from arae_toolkit.recipes.shared.options import (
    drawing_options,
    labels_option,
    names_of,
    open_word_vectors,
    overwrite_option,
    pairs_option,
    plain_options,
    refused_settings,
    results_option,
    run_options,
    set_option,
    with_plain_names,
    word_vectors_option,
)
from arae_toolkit.recipes.shared.progress import say, say_next
from arae_toolkit.storage.paths import run_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.devices import Precision
    from arae_toolkit.nli.experiment import PseudoLabels, Task
    from arae_toolkit.nli.model import NLIModel
    from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder

SUBCOMMANDS = {
    "pretrain": (
        "arae_toolkit.recipes.nli.pretrain:pretrain",
        "Train an encoder on pairs without their labels.",
    ),
    "predict": (
        "arae_toolkit.recipes.nli.predict:predict",
        "Label pairs with a trained classifier.",
    ),
    "evaluate": (
        "arae_toolkit.recipes.nli.evaluate:evaluate",
        "Measure a trained classifier on labelled pairs.",
    ),
}


@click.group(
    cls=ExamplesGroup,
    table=SUBCOMMANDS,
    invoke_without_command=True,
    examples=[
        "arae-toolkit nli --labels tiny",
        "arae-toolkit nli --labels tiny --encoder random",
        "arae-toolkit nli --labels small --model bilstm-max --seeds 1",
        "arae-toolkit nli --labels 5000 --corpus synthetic --objective supervised",
        "arae-toolkit nli --labels full --processes 4",
        "arae-toolkit nli --labels tiny --word-vectors glove.6B.300d.txt",
        "arae-toolkit nli --labels tiny --encoder sentence-transformers:all-MiniLM-L6-v2",
        "arae-toolkit nli --labels tiny --pseudo-labels nli-tiny --confidence 0 --soft-labels",
        "arae-toolkit nli predict nli-tiny < pairs.jsonl > labelled.jsonl",
        "arae-toolkit nli evaluate nli-tiny snli_1.0_test.jsonl",
    ],
)
@labels_option(
    "Labelled pairs to learn from: 28,000, 59,000, 120,000, all, or so many; as many of each "
    "class.",
    default="tiny",
)
@pairs_option
@click.option(
    "--model",
    type=click.Choice(list(MODELS)),
    default="paper",
    help="paper: the ARAE's encoder, [u, v, |u-v|, u*v] and a perceptron; bilstm-max: the same "
    "over two directions; attention: words aligned as well.",
)
@click.option(
    "--objective",
    type=click.Choice(OBJECTIVES),
    help="What the encoder was pretrained by.  [default: arae for paper, else masked-pairs]",
)
@click.option(
    "--encoder",
    metavar="RUN|random|sentence-transformers:MODEL",
    help="Where the encoder starts from. A MODEL of that library, by folder or name, is outside "
    "weights, which stay as they are.  [default: runs/CORPUS for arae, else runs/CORPUS-OBJECTIVE]",
)
@click.option(
    "--tune-encoder", is_flag=True, help="Train outside weights with the classifier, as ours are."
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=3,
    help="Trainings on the same labels; the spread over them is reported.",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="The first.")
@processes_option("nli")
@drawing_options
@click.option(
    "--pseudo-labels",
    metavar="RUN",
    help="Also learn from the other pairs, with the labels that this classifier is sure of.",
)
@click.option(
    "--confidence",
    type=NumberRange(0, 1),
    default=0.9,
    help="For --pseudo-labels: the least probability of a label that is used.",
)
@click.option(
    "--soft-labels",
    is_flag=True,
    help="For --pseudo-labels: learn the probabilities of all labels, not the likeliest one.",
)
@set_option
@plain_options
@word_vectors_option
@overwrite_option
@run_options(
    "Folder of the model.",
    default="runs/nli-LABELS, and nli-CORPUS-LABELS for other pairs than SNLI's",
)
@results_option
@click.pass_context
def nli(
    ctx: click.Context,
    /,
    labels: str,
    corpus_name: str,
    model: ModelName,
    objective: str | None,
    encoder: str | None,
    tune_encoder: bool,
    seeds: int,
    seed: int,
    processes: int,
    draw: str,
    label_seed: int,
    draw_from: int,
    pseudo_labels: str | None,
    confidence: float,
    soft_labels: bool,
    assignments: tuple[str, ...],
    word_vectors: Path | None,
    overwrite: bool,
    device: str,
    precision: Precision,
    out: Path | None,
    results: Path,
    **plain: Any,
) -> None:
    """Train a classifier of sentence pairs on some labels, and print what it reaches.

    The classifier starts from a pretrained encoder, the epoch that is best on dev is kept, and
    every seed has a folder in the model's, which averages them. A run that was stopped goes on
    when the same command is given again, and a finished one trains on when more --epochs are asked
    for, at the rates of the longer schedule. Accuracy on dev and test stands beside that of the
    most frequent label and of a model that sees the hypothesis alone.
    """
    if ctx.invoked_subcommand is not None:
        return
    began = time.monotonic()
    changes = with_plain_names(assignments, **plain)
    if word_vectors is not None:
        if encoder not in (None, "random") or objective not in (None, "supervised"):
            raise click.UsageError("--word-vectors starts the embeddings, and so does an encoder")
        objective = "supervised"
    outside = encoder is not None and encoder.startswith(OUTSIDE)
    if tune_encoder and not outside:
        raise click.UsageError("--tune-encoder is for outside weights; ours are always tuned")
    if outside and (model != "paper" or objective is not None):
        raise click.UsageError(
            "outside weights are read by --model paper, and have no --objective of ours"
        )
    if soft_labels and not pseudo_labels:
        raise click.UsageError("--soft-labels are those of --pseudo-labels RUN")
    chosen = objective_for(model, objective)
    ranks = join(ctx, device)
    leads = ranks is None or ranks.leads
    with first_goes_ahead(ranks):
        corpus = open_pairs(corpus_name, measured=("dev", "test"))
    from arae_toolkit.devices import keep_freed_memory
    from arae_toolkit.nli.experiment import BY_ONE_PROCESS, Task
    from arae_toolkit.nli.outside_encoder import OutsideWeights
    from arae_toolkit.recipes.nli.report import report
    from arae_toolkit.training.experiment import set_aside

    if tune_encoder and (processes > 1 or ranks):
        raise click.UsageError(f"--tune-encoder: {BY_ONE_PROCESS}")
    labelled = draw_labels(corpus, labels, draw=draw, seed=label_seed, first=draw_from)
    runs_name = run_name(corpus_name, corpus)
    place = own_device(device)
    pretrained: PretrainedEncoder | OutsideWeights | None
    if encoder is not None and outside:
        pretrained = open_outside(encoder, corpus, device=place, tuned=tune_encoder)
        chosen = OUTSIDE_OBJECTIVE + "-tuned" * tune_encoder
    else:
        pretrained = open_encoder(encoder, chosen, runs_name, corpus=corpus_name)
        chosen = "supervised" if pretrained is None else chosen
    with refused_settings():
        start = fitted(MODELS[model], pretrained)
        if tune_encoder:
            start = replace(start, training=replace(start.training, encoder_rate=TUNED_RATE))
        config = with_overrides(start, changes)
        if isinstance(pretrained, OutsideWeights):
            pretrained.check(config)
    kind = _kind(model, chosen, pseudo=bool(pseudo_labels))
    folder = out or run_folder(classifier_name(runs_name, labels) + kind)
    used_by = "arae-toolkit nli pretrain"
    refuse_unused(changes, OF_PRETRAINING, folder=folder / f"seed-{seed}", used_by=used_by)
    teacher = _teacher(pseudo_labels, corpus) if pseudo_labels and leads else None
    size = config.model.embedding_size
    given = open_word_vectors(word_vectors, corpus.vocabulary, size=size)
    if processes > 1:
        launch(processes, ctx)
        return
    keep_freed_memory()
    say(f"{len(labelled.rows):,} labelled pairs, fingerprint {labelled.sha256[:16]}")
    task = Task(corpus, labelled, pretrained, None, chosen)
    if pseudo_labels:
        pseudo = None
        if teacher is not None:
            pseudo = _pseudo(task, teacher, confidence, soft=soft_labels)
        task = replace(task, pseudo=ranks.of_first(pseudo) if ranks else pseudo)
    all_seeds = range(seed, seed + seeds)
    with first_goes_ahead(ranks):
        if overwrite and leads:
            set_aside(folder, note=say, members="seed-*")
    with signals_noted() as stop:
        how: dict[str, Any] = {"device": place, "precision": precision, "stop_signal": stop}
        how |= {"word_vectors": given, "extend": "epochs" in names_of(changes)}
        if ranks:
            how["ranks"] = ranks
        found = train_seeds(task, config, folder, all_seeds, **how)
    if not leads:
        return
    together = (f"--processes={ranks.size}",) if ranks else ()
    report(
        task,
        config,
        found,
        folder,
        command=command_line(*together),
        device=place,
        seconds=time.monotonic() - began,
        results=results,
    )
    if seeds > 1:
        say(f"the average of the {seeds} seeds is {folder}")
    say_next(["nli", "predict", folder, "FILE"])


def _kind(model: str, objective: str, *, pseudo: bool) -> str:
    """Return what the name of a run ends in: nothing for the paper's model from an ARAE.

    Example:
        >>> _kind("bilstm-max", "masked-pairs", pseudo=False)
        '-bilstm-max-masked-pairs'
    """
    usual = model == "paper" and objective == "arae"
    kind = objective if objective.startswith(OUTSIDE_OBJECTIVE) else f"{model}-{objective}"
    return f"-{kind}" * (not usual) + "-pseudo" * pseudo


def _teacher(run: str, corpus: Corpus) -> NLIModel:
    """Return the classifier of a run, whose labels are those of a corpus."""
    from arae_toolkit.nli.model import NLIModel
    from arae_toolkit.nli.pseudo_labels import check_labels

    teacher = NLIModel.from_pretrained(find_nli_run(run))
    check_labels(teacher, corpus)
    return teacher


def _pseudo(task: Task, teacher: NLIModel, confidence: float, *, soft: bool) -> PseudoLabels:
    """Return the labels that a classifier is sure of, for the pairs whose own are not used."""
    from arae_toolkit.nli.pseudo_labels import confident_labels

    pseudo, right = confident_labels(task, teacher, confidence=confidence, soft=soft)
    say(
        f"{len(pseudo.rows):,} further pairs labelled by {teacher.folder} with a probability of "
        f"at least {confidence:g}" + (f", {right:.1f} % of them as people did" if right else "")
    )
    return pseudo
