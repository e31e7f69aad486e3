// The map of codes: dots that tell their sentence, and a cross that asks for that of any place.
import {ask, drawn, make} from "./dom.js";
import {unknown} from "./views.js";

const MARGIN = 30, SIZE = 1000, STEP = 8, LEAP = 60;
let map = null;

export const forget = () => { map = null; };

export const openMap = async (run, section) => {
  if (map) return;
  const mine = map = {run, section, svg: section.querySelector("svg")};
  mine.svg.replaceChildren();
  section.querySelector(".legend").replaceChildren();
  const line = section.querySelector(".pointed");
  line.textContent = "Drawing the map …";
  let found;
  try {
    found = await ask("api/map", {run: run.name});
  } catch (error) {
    if (map === mine) map = null;
    line.textContent = error.message;
    return;
  }
  if (map !== mine) return;
  line.textContent = `${found.points.length.toLocaleString("en")} sentences; the two directions hold ` +
    `${found.explained.toFixed(1)} % of the variance of their codes.`;
  scale(mine, found.points);
  draw(mine, found);
  listen(mine, line);
  move(mine, SIZE / 2, SIZE / 2);
};

const scale = (mine, points) => {
  const ends = ["x", "y"].map(axis => {
    const values = points.map(point => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const [low, high] = [0, 1].map(end => ends.map(own => own[end]));
  const unit = (SIZE - 2 * MARGIN) / Math.max(high[0] - low[0], high[1] - low[1], 1e-9);
  const middle = [0, 1].map(axis => (low[axis] + high[axis]) / 2);
  mine.toPlace = ({x, y}) => [SIZE / 2 + (x - middle[0]) * unit, SIZE / 2 - (y - middle[1]) * unit];
  mine.toCode = ([across, down]) => ({
    x: middle[0] + (across - SIZE / 2) / unit, y: middle[1] - (down - SIZE / 2) / unit,
  });
};

const draw = (mine, {points, kinds}) => {
  const look = kind => `kind${kind === "generated" ? 0 : 1 + ((kinds.indexOf(kind) - 1 + kinds.length) % kinds.length) % 9}`;
  mine.dots = points.map(point => {
    const [cx, cy] = mine.toPlace(point);
    const dot = drawn("circle", {cx, cy, r: 6, class: `dot ${look(point.kind)}`});
    mine.svg.append(dot);
    return {dot, cx, cy, ...point};
  });
  mine.own = drawn("g");
  mine.cross = drawn("path", {class: "cross"});
  mine.svg.append(mine.own, mine.cross);
  mine.section.querySelector(".legend").replaceChildren(...kinds.map(kind => {
    const sign = drawn("svg", {viewBox: "0 0 10 10", "aria-hidden": "true"});
    sign.append(drawn("circle", {cx: 5, cy: 5, r: 5, class: look(kind)}));
    const box = make("input", {type: "checkbox", checked: true, onchange: () => {
      for (const one of mine.dots) if (one.kind === kind) one.dot.classList.toggle("off", !box.checked);
    }});
    return make("label", {}, box, " ", sign, ` ${kind}`);
  }));
};

const move = (mine, across, down) => {
  mine.at = [across, down].map(one => Math.max(0, Math.min(SIZE, one)));
  const [x, y] = mine.at;
  mine.cross.setAttribute("d", `M${x - 18} ${y}H${x + 18}M${x} ${y - 18}V${y + 18}`);
};

const nearest = (mine, [x, y], within) => {
  let best = null, least = within;
  for (const one of mine.dots) {
    const far = Math.hypot(one.cx - x, one.cy - y);
    if (far < least && !one.dot.classList.contains("off")) [best, least] = [one, far];
  }
  return best;
};

const listen = (mine, line) => {
  const place = event => {
    const box = mine.svg.getBoundingClientRect(), size = Math.min(box.width, box.height);
    return [
      (event.clientX - box.left - (box.width - size) / 2) * SIZE / size,
      (event.clientY - box.top - (box.height - size) / 2) * SIZE / size,
    ];
  };
  const point = where => {
    const one = nearest(mine, where, 25);
    mine.svg.querySelector(".pointed-at")?.classList.remove("pointed-at");
    if (!one) return;
    one.dot.classList.add("pointed-at");
    line.textContent = `${one.kind}: ${one.text}`;
  };
  mine.svg.onpointermove = event => point(place(event));
  mine.svg.onclick = event => {
    move(mine, ...place(event));
    point(mine.at);
    write(mine);
  };
  mine.svg.onkeydown = event => {
    const far = event.shiftKey ? LEAP : STEP;
    const way = {ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far]}[event.key];
    if (way) {
      move(mine, mine.at[0] + way[0], mine.at[1] + way[1]);
      point(mine.at);
    } else if (event.key === "Enter" || event.key === " ") write(mine);
    else return;
    event.preventDefault();
  };
};

const write = mine => mine.section.send(
  "sentence-at", {run: mine.run.name, ...mine.toCode(mine.at)}, ({text, nearest: near}) => [
    make("div", {class: "card"}, make("p", {class: "sentence"}, text || "(empty)"),
      make("p", {class: "facts"}, `Nearest dot (${near.kind}): ${near.text}`)),
  ]);

export const showPlace = ({answers: [answer]}) => {
  const [cx, cy] = map.toPlace(answer);
  map.own.replaceChildren(drawn("circle", {cx, cy, r: 13, class: "own"}));
  move(map, cx, cy);
  const near = nearest(map, [cx, cy], Infinity);
  return [
    unknown(answer.unknown_words) || "",
    make("div", {class: "card"}, make("p", {class: "sentence"}, answer.text),
      make("p", {class: "facts"}, "It lies at the black dot." +
        (near ? ` Nearest dot (${near.kind}): ${near.text}` : ""))),
  ];
};
