"""Models on the Hugging Face Hub: fetched by ``owner/name``, and published with a model card."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arae_toolkit.errors import NotFound, ToolkitError
from arae_toolkit.models.model_card import model_card
from arae_toolkit.models.model_folder import CONFIG, FORMAT, WEIGHTS, read_config, save_weights
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.safetensors_file import load_tensors

EXTRA = "pip install 'arae-toolkit[hub]'"
PATTERNS = ("*.json", "*.safetensors")
"""Files of a model folder, and of the folders in it: a scorer, the seeds of a classifier."""
KEPT_BACK = ("training_state.safetensors",)
"""Files of these forms that belong to a training, and not to its model."""
ATTRIBUTES = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def folder_of(source: str | Path) -> Path:
    """Return a model's folder: the one named, or that of a model of the hub, fetched if need be.

    A text such as ``owner/name`` names a model of the hub where there is neither such a path nor a
    folder ``owner`` here.

    Raises:
        NotFound: If there is no such path, and it names no model of the hub.
        ToolkitError: If the hub does not give it, or huggingface_hub is not installed.
    """
    path = Path(source)
    named = isinstance(source, str) and _REPOSITORY.fullmatch(source) is not None
    if path.exists():
        return path
    if not named or path.parent.exists() or path.parts[0] == "runs":
        raise NotFound(
            "no such folder",
            path=path,
            hint="'arae-toolkit pretrain' and nli write model folders, as save_pretrained does; a "
            "model of the hub is named owner/name",
        )
    try:
        found = _api().snapshot_download(str(source), allow_patterns=list(PATTERNS))
    except (OSError, ValueError) as error:
        raise ToolkitError(
            f"{source}: no such folder, and the hub gives no such model ({_brief(error)})"
        ) from error
    return Path(found)


def publish(
    repository: str,
    save: Callable[[Path], Any],
    *,
    made_in: Path | None,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Publish a model with a card, and return its address.

    Args:
        repository: ``owner/name``; made where there is none.
        save: Writes the model into a folder, in place of what was trained there.
        made_in: The folder of its run, from which the card is written; ``None`` without one.
        private: Whether a new repository is seen by its owner alone.
        token: Of the hub; the one that ``hf auth login`` keeps unless given.

    Raises:
        ToolkitError: If the hub does not take it, or huggingface_hub is not installed.
    """
    api = _api(token)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save(folder)
        _leave_out_places(folder)
        (folder / "README.md").write_text(
            model_card(folder, repository, run=made_in), encoding="utf-8"
        )
        (folder / ".gitattributes").write_text(ATTRIBUTES, encoding="utf-8")
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.upload_folder(
                folder_path=folder, repo_id=repository, commit_message="A model of arae-toolkit"
            )
        except (OSError, ValueError) as error:
            raise ToolkitError(
                f"{repository}: the hub does not take the model ({_brief(error)}); log in with "
                "'hf auth login', or give a token"
            ) from error
    return str(done.commit_url).partition("/commit/")[0]


def copied(made_in: Path | None) -> Callable[[Path], None]:
    """Return what saves a model by copying the files of its folder, as they were trained.

    Raises:
        ToolkitError: If the model lies in no folder.
    """
    if made_in is None or not made_in.is_dir():
        raise ToolkitError("this model lies in no folder that could be published; save it first")

    def save(folder: Path) -> None:
        for pattern in PATTERNS:
            for path in made_in.rglob(pattern):
                if path.name not in KEPT_BACK:
                    target = folder / path.relative_to(made_in)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)

    return save


def _leave_out_places(folder: Path) -> None:
    """Remove where the corpus lay, which models of earlier versions name."""
    for path in folder.rglob(CONFIG):
        if read_object(path).get("format") != FORMAT:
            continue  # of a model of another library, behind a classifier
        config = read_config(path.parent)
        corpus = config.get("corpus")
        if isinstance(corpus, dict) and corpus.pop("folder", None) is not None:
            write_json(path, config)
            save_weights(path.parent, load_tensors(path.parent / WEIGHTS)[0])


def _api(token: str | None = None) -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ToolkitError(f"huggingface_hub is not installed; {EXTRA}") from error
    return HfApi(token=token)


def _brief(error: Exception) -> str:
    """Return the first line of a reason, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
