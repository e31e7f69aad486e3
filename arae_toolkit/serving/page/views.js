// How answers are shown: each function returns the elements of one.
import {make, percent} from "./dom.js";

const joined = parts => parts.flatMap((part, at) => (at ? [" ", part] : [part]));

// The second of two texts, with the words marked that are not in the first.
const marked = edits => joined(edits.filter(part => part.to).map(part =>
  (part.from === part.to ? part.to : make("mark", {}, part.to))));

// The first of two texts, with the words struck out that are not in the second.
const struck = edits => joined(edits.filter(part => part.from).map(part =>
  (part.from === part.to ? part.from : make("del", {}, part.from))));

const unchanged = edits => edits.every(part => part.from === part.to);

const bars = probabilities => {
  const best = Math.max(...Object.values(probabilities));
  return make("dl", {class: "bars"}, ...Object.entries(probabilities).flatMap(([label, share]) => {
    const look = {class: share === best ? "best" : null};
    return [
      make("dt", look, label),
      make("dd", {class: "bar"}, make("meter", {value: share, "aria-label": label})),
      make("dd", look, percent(share)),
    ];
  }));
};

export const unknown = words => (words.length
  ? make("p", {class: "hint"}, `Words that the model does not know: ${words.join(", ")}`) : null);

const unread = () => make("div", {class: "card"},
  make("p", {class: "facts"}, "The model knows no word of it, and gives no answer."));

export const transfer = ({answers: [answer]}) => [
  unknown(answer.unknown_words) || "",
  make("div", {class: "card"}, make("h2", {}, "Your sentence reads as"), bars(answer.probabilities)),
  ...answer.rewritten.map(one => make("div", {class: "card"},
    make("h2", {}, one.to),
    make("p", {class: "sentence"}, ...marked(one.edits)),
    unchanged(one.edits)
      ? make("p", {class: "facts"}, "Nothing was changed.")
      : make("p", {class: "facts"}, "Was: ", ...struck(one.edits)),
    make("p", {class: "facts"},
      `Reads as ${one.to}: ${percent(one.attribute_probability)} · BLEU to yours: ` +
      `${one.content_bleu.toFixed(0)} · ${one.nats_per_token.toFixed(2)} nats per token`),
  )),
];

export const walk = ({steps, found, unknown_words}, {through}) => {
  const sentence = make("p", {class: "sentence"});
  const items = steps.map((step, at) => make("li", {},
    make("button", {type: "button", onclick: () => go(at)}, ...marked(step.edits))));
  const slider = make("input", {
    type: "range", class: "slider", min: 0, max: steps.length - 1, value: 0, "aria-label": "Step of the walk",
    oninput: () => go(Number(slider.value)),
  });
  const where = make("p", {class: "facts"});
  const go = at => {
    slider.value = at;
    slider.setAttribute("aria-valuetext", `Step ${at + 1}: ${steps[at].text}`);
    sentence.replaceChildren(...marked(steps[at].edits));
    where.textContent = `Step ${at + 1} of ${steps.length}` + (at ? ", with what changed since the step before" : "");
    items.forEach((item, row) => {
      item.classList.toggle("here", row === at);
      if (row === at) item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
    });
  };
  go(0);
  return [
    unknown(unknown_words) || "",
    make("div", {class: "card"}, sentence, slider, where),
    make("ol", {class: "way"}, ...items),
    found ? make("p", {class: "hint"}, "The noise was searched for: the codes that it makes lie " +
      `${found.map(end => end.distance.toFixed(2)).join(" and ")} from those of your sentences ` +
      "(codes at right angles are 1.41 apart).") : "",
  ];
};

export const samples = ({samples: list}) => [
  make("ol", {class: "samples card"}, ...list.map(text => make("li", {}, text || "(empty)"))),
];

export const reconstruct = ({answers: [answer]}) => [
  unknown(answer.unknown_words) || "",
  answer.reconstruction === null ? unread() : make("div", {class: "card"},
    make("p", {class: "sentence"}, ...marked(answer.edits)),
    unchanged(answer.edits)
      ? make("p", {class: "facts"}, "Word for word.")
      : make("p", {class: "facts"}, "Was: ", ...struck(answer.edits)),
    make("p", {class: "facts"},
      `${answer.nats.toFixed(2)} nats for ${answer.tokens} tokens: ` +
      `${(answer.nats / answer.tokens).toFixed(2)} a token`)),
];

export const neighbours = ({answers: [answer]}) => {
  const labelled = new Set(answer.neighbours.map(one => one.label)).size > 1;
  return [
    unknown(answer.unknown_words) || "",
    make("div", {class: "card"}, make("table", {},
      make("thead", {}, make("tr", {}, make("th", {scope: "col"}, "Cosine"), make("th", {scope: "col"}, "Sentence"),
        labelled ? make("th", {scope: "col"}, "Label") : null)),
      make("tbody", {}, ...answer.neighbours.map(one => make("tr", {},
        make("td", {class: "number"}, one.cosine.toFixed(3)), make("td", {}, one.text),
        labelled ? make("td", {}, one.label) : null))))),
  ];
};

export const pairs = ({answers: [answer]}) => [
  unknown(answer.unknown_words) || "",
  answer.label === null ? unread() : make("div", {class: "card"},
    make("p", {class: "sentence"}, answer.label), bars(answer.probabilities)),
];
