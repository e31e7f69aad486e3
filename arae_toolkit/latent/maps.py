"""Maps of codes: two dimensions by PCA or t-SNE, as a picture and as a page for a browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.figure_files import save_picture

Method = Literal["pca", "tsne"]
INCHES, DOTS_PER_INCH = 7.0, 120
LARGEST_PERPLEXITY = 30.0
COLOURS = (
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"),
    *("#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.4 sans-serif; margin: 1rem auto; padding: 0 1rem; max-width: 60rem }}
svg {{ width: 100%; aspect-ratio: 1; border: 1px solid #999; touch-action: none }}
circle {{ opacity: .65 }} circle.off {{ display: none }} circle.found {{ stroke: #000; opacity: 1 }}
#tip {{ position: fixed; background: #fff; border: 1px solid #333; padding: .2rem .5rem;
  max-width: 25rem; pointer-events: none; display: none }}
#legend label {{ margin-right: 1rem; white-space: nowrap }}
</style>
<h1>{title}</h1>
<p>{caption} Point at a dot to read its sentence; turn the wheel to zoom, drag to move.</p>
<p id="legend"></p>
<p><label>Mark sentences that hold <input id="wanted"></label> <span id="count"></span></p>
<svg id="map" viewBox="0 0 1000 1000"></svg>
<div id="tip"></div>
<script id="points" type="application/json">{points}</script>
<script>
const data = JSON.parse(document.getElementById("points").textContent);
const map = document.getElementById("map"), tip = document.getElementById("tip");
const view = [0, 0, 1000];
const dots = data.texts.map((text, index) => {{
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("cx", data.x[index]); dot.setAttribute("cy", data.y[index]);
  dot.setAttribute("fill", data.colours[data.kinds[index] % data.colours.length]);
  dot.addEventListener("pointermove", event => {{
    tip.textContent = data.names[data.kinds[index]] + ": " + text;
    tip.style.display = "block";
    tip.style.left = Math.min(event.clientX + 12, innerWidth - 320) + "px";
    tip.style.top = event.clientY + 12 + "px";
  }});
  dot.addEventListener("pointerleave", () => tip.style.display = "none");
  return map.appendChild(dot);
}});
const show = () => {{
  map.setAttribute("viewBox", view[0] + " " + view[1] + " " + view[2] + " " + view[2]);
  dots.forEach(dot => dot.setAttribute("r", view[2] / 200));
}};
show();
map.addEventListener("wheel", event => {{
  event.preventDefault();
  const box = map.getBoundingClientRect(), factor = event.deltaY < 0 ? .8 : 1.25;
  const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  at.forEach((share, axis) => view[axis] += share * view[2] * (1 - factor));
  view[2] *= factor;
  show();
}}, {{passive: false}});
map.addEventListener("pointermove", event => {{
  if (!event.buttons) return;
  const size = map.getBoundingClientRect().width;
  view[0] -= event.movementX * view[2] / size; view[1] -= event.movementY * view[2] / size;
  show();
}});
data.names.forEach((name, kind) => {{
  const label = document.createElement("label"), box = document.createElement("input");
  box.type = "checkbox"; box.checked = true;
  box.addEventListener("change", () => dots.forEach((dot, index) =>
    data.kinds[index] === kind && dot.classList.toggle("off", !box.checked)));
  label.append(box, " " + name);
  label.style.color = data.colours[kind % data.colours.length];
  document.getElementById("legend").append(label);
}});
document.getElementById("wanted").addEventListener("input", event => {{
  const wanted = event.target.value.toLowerCase();
  const held = data.texts.map(text => wanted !== "" && text.toLowerCase().includes(wanted));
  dots.forEach((dot, index) => dot.classList.toggle("found", held[index]));
  document.getElementById("count").textContent =
    wanted && held.filter(Boolean).length + " of " + dots.length;
}});
</script>
</html>
"""


@dataclass(frozen=True)
class CodeMap:
    """Codes in two dimensions.

    Attributes:
        points: Shape (N, 2).
        explained: Percent of the variance that the two dimensions hold; ``None`` for t-SNE, which
            keeps neighbourhoods and no distances.
        centre: The mean code, in the middle of a map by PCA. Shape (Z,).
        directions: The two directions of a map by PCA. Shape (2, Z), of norm 1, at right angles.
    """

    points: npt.NDArray[np.float64]
    explained: float | None
    centre: npt.NDArray[np.float64] | None = None
    directions: npt.NDArray[np.float64] | None = None

    def place(self, codes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return where other codes lie on a map by PCA. Shape (N, Z) to (N, 2).

        Raises:
            ValueError: For t-SNE, which places only the codes that it was made of.
        """
        centre, directions = self._plane()
        return np.asarray((codes - centre) @ directions.T, dtype=np.float64)

    def moved(self, codes: npt.NDArray[Any], places: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return codes moved along the directions of a map by PCA until they lie at given places.

        What the map does not show of a code stays as it is.

        Args:
            codes: Shape (N, Z).
            places: Shape (N, 2).

        Raises:
            ValueError: For t-SNE, which has no directions.
        """
        _, directions = self._plane()
        return np.asarray(codes + (places - self.place(codes)) @ directions, dtype=np.float64)

    def _plane(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        if self.centre is None or self.directions is None:
            raise ValueError("only a map by PCA has a place for other codes")
        return self.centre, self.directions


def project(codes: npt.NDArray[np.float32], *, method: Method, seed: int = 0) -> CodeMap:
    """Return codes in two dimensions, by scikit-learn.

    Args:
        codes: Shape (N, Z).
        method: ``pca`` or ``tsne``.
        seed: Fixes the result of t-SNE.

    Raises:
        ValueError: If there are fewer than three codes.
    """
    if len(codes) < 3:
        raise ValueError(f"a map of {len(codes)} sentences, at least 3 are needed")
    if method == "pca":
        from sklearn.decomposition import PCA

        pca = PCA(n_components=2, svd_solver="full")
        points = pca.fit_transform(codes)
        explained = float(100 * pca.explained_variance_ratio_.sum())
        plane = (np.asarray(own, dtype=np.float64) for own in (pca.mean_, pca.components_))
        return CodeMap(points, explained, *plane)
    from sklearn.manifold import TSNE

    perplexity = min(LARGEST_PERPLEXITY, (len(codes) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    return CodeMap(np.asarray(tsne.fit_transform(codes), dtype=np.float64), None)


def draw_map(points: npt.NDArray[np.float64], kinds: Sequence[str], path: Path) -> None:
    """Draw a PNG of dots coloured by kind, in the order in which kinds come first.

    Args:
        points: Shape (N, 2).
        kinds: What each point is; N texts.
        path: The file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(INCHES, INCHES), layout="constrained")
    axes = figure.subplots()
    names = np.array(kinds)
    for index, kind in enumerate(dict.fromkeys(kinds)):
        mine = points[names == kind]
        colour = COLOURS[index % len(COLOURS)]
        # A dollar sign would start a formula.
        label = kind.replace("$", r"\$")
        axes.scatter(
            mine[:, 0], mine[:, 1], s=9, alpha=0.65, linewidths=0, color=colour, label=label
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(frameon=False, fontsize="small", markerscale=2)
    save_picture(path, figure, dots_per_inch=DOTS_PER_INCH)


def write_map_page(
    points: npt.NDArray[np.float64],
    texts: Sequence[str],
    kinds: Sequence[str],
    path: Path,
    *,
    title: str,
    caption: str,
) -> None:
    """Write a page that shows a dot's sentence when pointed at. It asks no other address.

    Args:
        points: Shape (N, 2).
        texts: N sentences.
        kinds: What each is.
        path: The file.
        title: Of the page.
        caption: What is to be seen, in a sentence.
    """
    names = list(dict.fromkeys(kinds))
    low, high = points.min(axis=0), points.max(axis=0)
    placed = 25 + 950 * (points - low) / np.maximum(high - low, 1e-12)
    content = {
        "texts": list(texts),
        "kinds": [names.index(kind) for kind in kinds],
        "names": names,
        "colours": COLOURS,
        "x": placed[:, 0].round(1).tolist(),
        "y": (1000 - placed[:, 1]).round(1).tolist(),
    }
    # Inside a script no text may end it, nor start a comment.
    data = json.dumps(content).replace("<", "\\u003c")
    page = PAGE.format(title=escape(title), caption=escape(caption), points=data)
    write_text(path, page)
