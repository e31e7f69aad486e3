"""``arae-toolkit doctor``: what is installed, and where corpora and runs are looked for."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.commands import ExamplesCommand
from arae_toolkit.recipes.shared.find_run import models_in
from arae_toolkit.recipes.shared.progress import size_text
from arae_toolkit.storage.paths import (
    CACHE_VARIABLE,
    RUNS_VARIABLE,
    SOURCES_VARIABLE,
    cache_folder,
    run_folder,
    source_folder,
)
from arae_toolkit.version import __version__

PACKAGES = (
    *("torch", "numpy", "tokenizers", "scikit-learn", "click", "rich", "jsonlines"),
    *("safetensors", "filelock", "sacrebleu", "rapidfuzz", "pooch", "matplotlib"),
    *("tensorboard", "torchtext", "huggingface-hub", "datasets", "sentence-transformers"),
    *("starlette", "uvicorn"),
)


@click.command(
    cls=ExamplesCommand,
    examples=["arae-toolkit doctor", "arae-toolkit doctor --json | jq .devices"],
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a text.")
def doctor(as_json: bool) -> None:
    """Show versions, devices, memory, and which sources, corpora and runs are found where."""
    findings = examine()
    click.echo(json.dumps(findings, indent=2) if as_json else as_text(findings))


def examine() -> dict[str, Any]:
    """Return everything this command knows, ready for JSON; sizes are in bytes."""
    return {
        "toolkit": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": _devices(),
        "memory": _memory(),
        "sources": _sources(),
        "downloads": _downloads(),
        "corpora": _corpora(),
        "runs": _runs(),
    }


def _version(package: str) -> str | None:
    """Return the installed version of a package, or ``None``; of torch with its build as well."""
    if package == "torch":  # whose metadata leaves out that of PyPI's wheels, such as +cu130
        with suppress(ImportError, OSError):
            import torch

            return str(torch.__version__)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[dict[str, Any]]:
    """Return what torch can compute on, the CPU first."""
    cpu: dict[str, Any] = {"device": "cpu", "name": platform.machine(), "cores": os.cpu_count()}
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library that torch needs does not load
        return [{**cpu, "problem": f"torch cannot be imported ({error})"}]
    from arae_toolkit.ops.quickest_way import answers

    devices = [{**cpu, "threads": torch.get_num_threads(), "quickest": answers()}]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        devices.append(
            {
                "device": f"cuda:{index}",
                "name": properties.name,
                "memory_bytes": properties.total_memory,
                "bf16": torch.cuda.is_bf16_supported(),
            }
        )
    return devices


def _memory() -> dict[str, int | None]:
    """Return total and available memory; ``None`` for what this system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return {
            "total_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "available_bytes": None,
        }
    kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return {
        "total_bytes": 1024 * kibibytes["MemTotal"],
        "available_bytes": 1024 * kibibytes["MemAvailable"],
    }


def _sources() -> dict[str, Any]:
    """Return the folders of raw corpora under ``$ARAE_SOURCES``."""
    example = source_folder("snli")
    return _found(SOURCES_VARIABLE, None if example is None else example.parent)


def _downloads() -> dict[str, Any]:
    """Return the raw corpora that the toolkit has downloaded."""
    return _found(CACHE_VARIABLE, _in_cache("sources"))


def _in_cache(name: str) -> Path | None:
    """Return a folder of the cache; ``None`` where no home folder is known to hold it."""
    try:
        return cache_folder() / name
    except ToolkitError:
        return None


def _corpora() -> dict[str, Any]:
    """Return the prepared corpora of the cache, a damaged one with its problem."""
    from arae_toolkit.data.corpus import Corpus

    def content(folder: Path) -> dict[str, Any]:
        try:
            manifest = Corpus(folder).manifest
            return {"kind": manifest["kind"], "splits": manifest["splits"]}
        except (DataError, KeyError) as error:
            return {"problem": str(error)}

    return _found(CACHE_VARIABLE, _in_cache("corpora"), content)


def _runs() -> dict[str, Any]:
    """Return the run folders, with whether each holds a model yet."""

    def content(folder: Path) -> dict[str, Any]:
        changed = datetime.fromtimestamp(folder.stat().st_mtime).isoformat(" ", "minutes")
        model = (folder / "config.json").is_file()
        inside = 0 if model else len(models_in(folder))
        return {"model": model, "models_inside": inside, "changed": changed}

    return _found(RUNS_VARIABLE, run_folder("snli").parent, content)


def _found(
    variable: str, place: Path | None, content: Callable[[Path], dict[str, Any]] = lambda _: {}
) -> dict[str, Any]:
    """Return where something is looked for, and the folders that are found there."""

    def described(folder: Path) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": folder.name, "path": str(folder), "files": 0, "bytes": 0}
        try:
            return {**entry, **_sizes(folder), **content(folder)}
        except OSError as error:  # of this one: the others are told
            return {**entry, "problem": error.strerror or str(error)}

    found = [described(folder) for folder in _folders(place)]
    return {"variable": variable, "looked_in": place and str(place), "found": found}


def _folders(place: Path | None) -> list[Path]:
    """Return the folders directly in a place, by name; none if there is no such place."""
    try:
        if place is None or not place.is_dir():
            return []
        return sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] != ".")
    except OSError:
        return []


def _sizes(folder: Path) -> dict[str, int]:
    """Return the number and total size of the files under a folder."""
    next(folder.iterdir(), None)  # fails where the folder itself cannot be read
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # removed meanwhile, or in a folder that cannot be entered
            if path.is_file():
                sizes.append(path.stat().st_size)
    return {"files": len(sizes), "bytes": sum(sizes)}


def as_text(findings: dict[str, Any]) -> str:
    """Return the findings as text for a reader."""
    packages, memory = findings["packages"], findings["memory"]
    lines = [
        f"arae-toolkit {findings['toolkit']}, Python {findings['python']}, {findings['platform']}",
        "packages  " + ", ".join(f"{name} {packages[name]}" for name in packages if packages[name]),
        "missing   " + (", ".join(name for name in packages if not packages[name]) or "none"),
        *(f"device    {_device_line(device)}" for device in findings["devices"]),
        f"memory    {size_text(memory['total_bytes'])}, "
        f"{size_text(memory['available_bytes'])} available",
        "",
    ]
    for title in ("sources", "downloads", "corpora", "runs"):
        lines += _place_lines(title, findings[title])
    return "\n".join(lines)


def _device_line(device: dict[str, Any]) -> str:
    """Return one line about a device."""
    parts = [f"{device['device']}: {device['name']}"]
    if "cores" in device:
        parts.append(f"{device['cores']} cores")
    if "threads" in device:
        parts.append(f"{device['threads']} threads used by torch")
    parts += [f"quickest {what}: {way}" for what, way in device.get("quickest", {}).items()]
    if "memory_bytes" in device:
        parts.append(size_text(device["memory_bytes"]))
        parts.append("bf16" if device["bf16"] else "no bf16")
    if "problem" in device:
        parts.append(device["problem"])
    return ", ".join(parts)


def _place_lines(title: str, place: dict[str, Any]) -> list[str]:
    """Return where something is looked for, then one line for each thing found there."""
    where = place["looked_in"] or "nowhere"
    lines = [f"{title} in {where} (set ${place['variable']} to change)"]
    lines += [f"  {entry['name']}: {_entry_text(entry)}" for entry in place["found"]]
    return lines if place["found"] else [*lines, "  none"]


def _entry_text(entry: dict[str, Any]) -> str:
    """Return the size of a source, corpus or run and what is known of its content."""
    parts = [f"{size_text(entry['bytes'])} in {entry['files']} files"]
    if "problem" in entry:
        parts.append(f"unusable ({entry['problem']})")
    for split, counts in entry.get("splits", {}).items():
        unit = "sentences" if "sentences" in counts else "images"
        parts.append(f"{split} {counts.get(unit, 0):,} {unit}")
    if "model" in entry:
        inside = entry["models_inside"]
        several = f"{inside} model{'s' * (inside > 1)} in it" if inside else "no model yet"
        parts.append("model" if entry["model"] else several)
        parts.append(f"changed {entry['changed']}")
    return ", ".join(parts)
