import {ask, curl, make} from "./dom.js";
import {forget, openMap, showPlace} from "./map.js";
import * as views from "./views.js";

const byId = id => document.getElementById(id);
const runs = new Map();
let run, titles;

// What each form asks, and how its answer is shown. A form's fields have the names of the request's.
const value = (form, name) => form.elements[name].value;
const number = (form, name) => Number(value(form, name));
const numbers = (form, ...names) => Object.fromEntries(names.map(name => [name, number(form, name)]));
const texts = form => ({texts: [value(form, "text")]});
const forms = {
  transfer: {
    body: form => ({
      ...texts(form),
      to: [...form.querySelectorAll(".labels input:checked")].map(box => box.value),
      ...numbers(form, "candidates", "strength", "seed"),
    }),
    show: views.transfer,
  },
  walk: {
    body: form => ({
      first: value(form, "first"), second: value(form, "second"),
      through: value(form, "through"), interpolation: value(form, "interpolation"),
      smooth: form.elements.smooth.checked, ...numbers(form, "steps"),
    }),
    show: views.walk,
  },
  samples: {
    body: form => ({
      ...numbers(form, "count", "seed", "temperature"),
      method: value(form, "method"), prior: value(form, "prior"),
    }),
    show: views.samples,
  },
  reconstruct: {body: texts, show: views.reconstruct},
  neighbours: {body: form => ({...texts(form), ...numbers(form, "count")}), show: views.neighbours},
  map: {asks: "place", body: texts, show: showPlace},
  pairs: {
    body: form => ({pairs: [{premise: value(form, "premise"), hypothesis: value(form, "hypothesis")}]}),
    show: views.pairs,
  },
};

for (const [name, {asks = name, body, show}] of Object.entries(forms)) {
  const section = byId(name), form = section.querySelector("form");
  const result = make("div", {class: "result", role: "status", "aria-live": "polite"});
  const behind = make("details", {class: "json", hidden: true}, make("summary", {}, "JSON behind this"));
  (section.querySelector(".answers") || section).append(result, behind);
  let asked = 0;

  const send = async (operation, content, display) => {
    const turn = ++asked, button = form.querySelector("button:not([type])");
    button.setAttribute("aria-busy", "true");
    const waiting = setTimeout(() => result.replaceChildren(make("p", {class: "hint"}, "Working …")), 500);
    try {
      const answer = await ask(`api/${operation}`, content);
      if (turn !== asked) return; // a later request is under way
      result.replaceChildren(...display(answer, content));
      behind.replaceChildren(
        behind.firstElementChild,
        make("pre", {tabindex: "0", "aria-label": "Request"}, curl(operation, content)),
        make("pre", {tabindex: "0", "aria-label": "Answer"}, JSON.stringify(answer, null, 2)),
      );
      behind.hidden = false;
    } catch (error) {
      if (turn === asked) result.replaceChildren(make("p", {class: "error"}, error.message));
    } finally {
      clearTimeout(waiting);
      if (turn === asked) button.removeAttribute("aria-busy");
    }
  };
  section.send = send;
  section.clear = () => {
    asked++;
    form.querySelector("button:not([type])").removeAttribute("aria-busy");
    result.replaceChildren();
    behind.hidden = true;
  };
  form.addEventListener("submit", event => {
    event.preventDefault();
    send(asks, {run: run.name, ...body(form)}, show);
  });
  form.addEventListener("keydown", event => {
    const typing = event.target.matches("textarea");
    if (typing && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

const walkForm = byId("walk").querySelector("form");
const others = () => {
  const known = run.examples, at = Math.floor(Math.random() * known.length);
  walkForm.elements.first.value = known[at];
  walkForm.elements.second.value = known[(at + 1 + Math.floor(Math.random() * (known.length - 1))) % known.length];
};
walkForm.querySelector(".other").addEventListener("click", () => { others(); walkForm.requestSubmit(); });

const samplesForm = byId("samples").querySelector("form");
samplesForm.querySelector(".other").addEventListener("click", () => {
  samplesForm.elements.seed.value = number(samplesForm, "seed") + 1;
  samplesForm.requestSubmit();
});
samplesForm.elements.method.addEventListener("change", event => {
  samplesForm.elements.temperature.disabled = event.target.value !== "sample";
});

const choose = name => {
  run = runs.get(name);
  byId("run").value = name;
  for (const section of document.querySelectorAll("main > section")) section.clear();
  if (run.labels && run.kind === "transfer") {
    byId("transfer").querySelector(".labels").replaceChildren(...run.labels.map(label =>
      make("label", {}, make("input", {type: "checkbox", value: label, checked: true}), ` ${label}`)));
  }
  if (run.kind === "text") {
    const noise = walkForm.querySelector("[value=noise]");
    noise.disabled = !run.through.includes("noise");
    if (noise.disabled) walkForm.querySelector("[value=codes]").checked = true;
    samplesForm.elements.prior.replaceChildren(...run.priors.map(prior => make("option", {}, prior)));
    samplesForm.elements.prior.closest("label").hidden = run.priors.length < 2;
    if (run.examples.length > 1) others();
    walkForm.querySelector(".other").hidden = run.examples.length < 2;
    for (const id of ["reconstruct", "neighbours", "map"]) {
      byId(id).querySelector("textarea").value = run.examples[0] || "";
    }
    byId("neighbours").querySelector(".searched").textContent = run.searched
      ? `Among ${run.searched.sentences.toLocaleString("en")} sentences of ${run.searched.split}.` : "";
    forget();
  }
};

const selectTab = (name, {focus = false} = {}) => {
  for (const tab of byId("tabs").children) {
    const mine = tab.dataset.name === name;
    tab.setAttribute("aria-selected", mine);
    tab.tabIndex = mine ? 0 : -1;
    if (mine && focus) tab.focus();
  }
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  history.replaceState(null, "", `#${encodeURIComponent(run.name)}/${name}`);
  if (name === "map") openMap(run, byId("map"));
};

const showTabs = wanted => {
  const able = run.can.filter(name => titles[name].title);
  byId("tabs").replaceChildren(...able.map(name => make("button", {
    type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name, "data-name": name,
    title: titles[name].summary, onclick: () => selectTab(name),
  }, titles[name].title)));
  selectTab(able.includes(wanted) ? wanted : able[0]);
};

byId("tabs").addEventListener("keydown", event => {
  const tabs = [...byId("tabs").children], at = tabs.indexOf(document.activeElement);
  const next = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1}[event.key];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  selectTab(tabs[(next + tabs.length) % tabs.length].dataset.name, {focus: true});
});

byId("run").addEventListener("change", event => { choose(event.target.value); showTabs(); });

try {
  const known = await ask("api/runs");
  titles = known.operations;
  for (const one of known.runs) runs.set(one.name, one);
  const kinds = {text: "text", transfer: "rewrites", pairs: "pairs"};
  byId("run").replaceChildren(...known.runs.map(one =>
    make("option", {value: one.name}, `${one.name} (${kinds[one.kind]})`)));
  for (const section of document.querySelectorAll("main > section")) {
    section.setAttribute("role", "tabpanel");
    section.setAttribute("aria-labelledby", `tab-${section.id}`);
  }
  const [name, wanted] = location.hash.slice(1).split("/").map(decodeURIComponent);
  choose(runs.has(name) ? name : known.runs[0].name);
  showTabs(wanted);
} catch (error) {
  byId("trouble").textContent = error.message;
  byId("trouble").hidden = false;
}
