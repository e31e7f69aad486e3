"""Damage to the files that are read: flips, cuts, swaps, pipes, and forgeries with valid hashes."""

from __future__ import annotations

import functools
import json
import math
import os
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import load_file

from arae_toolkit.models.model_folder import CONFIG, TOKENIZER, WEIGHTS, WEIGHTS_SHA256
from arae_toolkit.storage.atomic_files import sha256_of_bytes
from arae_toolkit.storage.safetensors_file import read_metadata, save_tensors, tensors_sha256
from arae_toolkit.training.checkpoint import STATE
from drills.forked import Done, Work, check_end, command, run
from drills.frame import Broken, Drill, Trial
from drills.materials import PAIRS, REVIEWS, Materials, judge, pretrain

_MEMORY = 24 << 30  # bytes of addresses: far above what small models need, below a bomb's


@dataclass(frozen=True)
class Target:
    """A folder that a command reads.

    Attributes:
        name: Of the folder among the materials.
        read: Returns the work of reading a copy of it.
        stdin: What that work is given.
        codes: The exit codes of a refusal.
        answer: Returns what is to be the same as with the undamaged folder, of the copy and the
            end of the work.
        inside: The part of the folder that is damaged.
    """

    name: str
    read: Callable[[Materials, Path], Work]
    stdin: bytes = b""
    codes: tuple[int, ...] = (4,)
    answer: Callable[[Path, Done], bytes] = lambda _, done: done.stdout
    inside: str = "."


def weights_of(copy: Path, _: Done) -> bytes:
    """Return a fingerprint of what a training has ended in."""
    found = [tensors_sha256(load_file(copy / name)) for name in (WEIGHTS, STATE)]
    return " ".join(found).encode()


def _weights_beside(copy: Path, done: Done) -> bytes:
    return weights_of(copy.parent / "trained", done)


def _train_beside(_: Materials, copy: Path) -> Work:
    """Return the work of a short training on a corpus."""
    return pretrain(copy, copy.parent / "trained", "--model", "ae", "--set", "iterations=4")


SAMPLE = ("--count", 3, "--seed", 0, "--device", "cpu")
TARGETS = (
    Target("model", lambda _, copy: command("sample", copy, *SAMPLE)),
    Target("pairs", lambda _, copy: command("nli", "predict", copy, "--device", "cpu"), PAIRS),
    Target(
        "transfer",
        lambda _, copy: command("transfer", copy, "--to", "positive", "--device", "cpu"),
        REVIEWS,
    ),
    Target("killed", lambda m, copy: pretrain(m.corpus, copy), codes=(1, 4), answer=weights_of),
    Target(
        "run", lambda _, copy: command("sample", copy, "--prior", "flow", *SAMPLE), inside="priors"
    ),
    Target("corpus", _train_beside, codes=(3,), answer=_weights_beside),
    Target("judges", lambda m, copy: judge(m.corpus, copy)),
)
FORGED = {"model": ".", "pairs": "member-0", "transfer": "."}
"""Targets of which whole forgeries are made, and the folder in them."""


@functools.cache
def _undamaged(target: Target, materials: Materials) -> bytes:
    """Return the answer with the folder as it is, worked out once in a process."""
    place = materials.scratch / f"answers-{os.getpid()}" / target.name
    copy = Path(shutil.copytree(materials.folder / target.name, place / "copy"))
    done = run(target.read(materials, copy), place / "work", stdin=target.stdin)
    check_end(done, [0])
    return target.answer(copy, done)


def _flip(path: Path, random: Random) -> str:
    content = bytearray(path.read_bytes())
    place = random.randrange(len(content))
    content[place] ^= 1 << random.randrange(8)
    path.write_bytes(content)
    return f"a bit of byte {place} of {len(content)} flipped"


def _cut(path: Path, random: Random) -> str:
    size = path.stat().st_size
    kept = random.randrange(size)
    os.truncate(path, kept)
    return f"cut from {size} to {kept} bytes"


def _lengthen(path: Path, random: Random) -> str:
    more = random.randbytes(random.choice([1, 8, 4096]))
    with path.open("ab") as target:
        target.write(more)
    return f"{len(more)} bytes behind its end"


def _zero(path: Path, random: Random) -> str:
    content = bytearray(path.read_bytes())
    start = random.randrange(len(content))
    end = min(len(content), start + random.choice([1, 16, 4096]))
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
    return f"bytes {start} to {end} of {len(content)} are zero"


def _remove(path: Path, _: Random) -> str:
    path.unlink()
    return "removed"


def _no_file(path: Path, random: Random) -> str:
    path.unlink()
    kind = random.choice(["a pipe", "/dev/zero", "a link to itself", "a folder", "/dev/full"])
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "a link to itself" else kind)
    return f"{kind} in its place"


DAMAGES: tuple[Callable[[Path, Random], str], ...] = (
    *(_flip, _flip, _flip, _cut, _lengthen, _zero, _remove, _no_file),
)


def damage(trial: Trial) -> None:
    """Damage a file of a folder: it is refused, or what is made of it is as before."""
    random, materials = trial.random, trial.materials
    target = random.choice(TARGETS)
    expected = _undamaged(target, materials)
    copy = Path(shutil.copytree(materials.folder / target.name, trial.folder / "copy"))
    files = sorted(p for p in (copy / target.inside).rglob("*") if p.is_file() and p.stat().st_size)
    path = random.choice(files)
    place = path.relative_to(copy)
    other = materials.other(target.name) / place
    if other.exists() and random.random() < 0.15:
        shutil.copyfile(other, path)
        how = "that of another"
    else:
        how = random.choice(DAMAGES)(path, random)
    trial.what = f"{target.name}, {place}: {how}"
    done = _read(trial, target, copy)
    lost = () if path.is_file() else (1, 2)  # something, or the run itself, is missing
    check_end(done, [0, *target.codes, *lost])
    if done.code == 0 and target.answer(copy, done) != expected:
        raise Broken("accepted, and the answer is another")


def _read(trial: Trial, target: Target, copy: Path) -> Done:
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    work = target.read(trial.materials, copy)
    return run(work, trial.folder / "work", stdin=target.stdin, before=[limit])


NASTY: tuple[Any, ...] = (
    *(None, True, False, "", "x", "../../other", "\udcff", "\0", [], {}, [[]], [None], {"": None}),
    *(-1, 0, 1, 2, 3, 1.5, -0.0, 1e9, 1e308, math.nan, math.inf, 2**31, 2**63, 2**64, 10**30),
    *("9" * 5000, [0] * 5000),
)


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _changed(value: Any, random: Random) -> tuple[Any, str]:
    """Return a JSON value with one thing in it replaced, and what."""
    if isinstance(value, dict | list) and value and random.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = random.choice(keys)
        if isinstance(value, dict) and random.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}, f"{key} left out"
        inside, what = _changed(value[key], random)
        copy: Any = dict(value) if isinstance(value, dict) else list(value)
        copy[key] = inside
        return copy, f"{key}: {what}"
    new = random.choice((*NASTY, _nested(random.choice([3, 900]))))
    return new, f"{new!r}"[:60]


def _forged_tensors(
    tensors: Mapping[str, torch.Tensor], random: Random
) -> tuple[dict[str, torch.Tensor], str]:
    """Return weights with one of them forged, and how."""
    name = random.choice(sorted(tensors))
    tensor = tensors[name].clone()
    how = random.choice(["nan", "inf", "half", "int64", "bool", "gone", "more", "flat", "empty"])
    changed = {key: value for key, value in tensors.items() if key != name}
    if how in ("nan", "inf") and tensor.numel():
        tensor.view(-1)[random.randrange(tensor.numel())] = float(how)
    elif how in ("half", "int64", "bool"):
        tensor = tensor.to(getattr(torch, how))
    elif how == "flat":
        tensor = tensor.flatten()
    elif how == "empty":
        tensor = tensor[:0]
    if how == "more":
        changed["another"] = tensor
    if how != "gone":
        changed[name] = tensor
    return changed, f"{name} {how}"


def forge(trial: Trial) -> None:
    """Forge a model folder with valid hashes: a word and exit 4, or an answer."""
    random, materials = trial.random, trial.materials
    target = random.choice([target for target in TARGETS if target.name in FORGED])
    copy = Path(shutil.copytree(materials.folder / target.name, trial.folder / "copy"))
    folder = copy / FORGED[target.name]
    if target.name == "transfer" and random.random() < 0.4:
        folder /= "scorer"
    part = random.choice([CONFIG, CONFIG, TOKENIZER, WEIGHTS])
    tensors: dict[str, torch.Tensor] = dict(load_file(folder / WEIGHTS))
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config.pop(WEIGHTS_SHA256, None)
    if part == CONFIG:
        config, what = _changed(config, random)
    elif part == TOKENIZER:
        value, what = _changed(json.loads((folder / TOKENIZER).read_text("utf-8")), random)
        (folder / TOKENIZER).write_text(json.dumps(value), encoding="utf-8")
    else:
        tensors, what = _forged_tensors(tensors, random)
    trial.what = f"{target.name}, {folder.name}/{part} forged: {what}"
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    names = {"config_sha256": CONFIG, "tokenizer_sha256": TOKENIZER}
    parts = {key: sha256_of_bytes((folder / name).read_bytes()) for key, name in names.items()}
    save_tensors(folder / WEIGHTS, tensors, metadata=parts)
    if target.name == "pairs":
        _sign_ensemble(copy)
    check_end(_read(trial, target, copy), [0, *target.codes])


def _sign_ensemble(copy: Path) -> None:
    """Write the fingerprints of its members into the configuration of an ensemble."""
    config = json.loads((copy / CONFIG).read_text(encoding="utf-8"))
    members = sorted(copy.glob("member-*"))
    config[WEIGHTS_SHA256] = [read_metadata(m / WEIGHTS)["tensors_sha256"] for m in members]
    (copy / CONFIG).write_text(json.dumps(config), encoding="utf-8")


def forge_corpus(trial: Trial) -> None:
    """Forge the manifest of a corpus: a word and exit 3, or a training."""
    random, materials = trial.random, trial.materials
    target = next(target for target in TARGETS if target.name == "corpus")
    copy = Path(shutil.copytree(materials.corpus, trial.folder / "copy"))
    path = copy / "manifest.json"
    manifest, what = _changed(json.loads(path.read_text(encoding="utf-8")), random)
    trial.what = f"corpus, manifest.json forged: {what}"
    if isinstance(manifest, dict):
        manifest.pop("manifest_sha256", None)
        signed = json.dumps(manifest, sort_keys=True).encode()
        manifest["manifest_sha256"] = sha256_of_bytes(signed)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    check_end(_read(trial, target, copy), [0, *target.codes])


def _forge_any(trial: Trial) -> None:
    (forge if trial.random.random() < 0.75 else forge_corpus)(trial)


FLIPS = Drill(
    "damage",
    "A file that was damaged, cut, swapped, lost or replaced by a pipe is refused in one line "
    "with its exit code, or what is made of it is the same as before.",
    "A random file of a model, an ensemble, a transfer model, a prior, a killed training, a "
    "corpus or a judge is damaged, and the command that reads it is run.",
    damage,
    whole=4_000,
    fewest=6,
)
FORGERIES = Drill(
    "forgeries",
    "A model folder or a manifest that is forged so that its fingerprints are right is refused "
    "in one line, or used; there is no traceback, no hang, and no memory without bound.",
    "A value of a configuration, a tokenizer or a manifest is replaced by an odd one, or a "
    "weight by another type, shape or number, all fingerprints are written anew, and the command "
    "is run.",
    _forge_any,
    whole=4_000,
    fewest=6,
)
