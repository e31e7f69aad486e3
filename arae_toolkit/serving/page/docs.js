// The OpenAPI document as a page on which each request can be tried.
import {ask, curl, make} from "./dom.js";

const limits = schema => [
  schema.type === "array" ? "list" : schema.type,
  schema.enum ? schema.enum.join(" | ") : null,
  schema.minimum !== undefined ? `${schema.minimum} to ${schema.maximum}` : null,
  schema.maxItems ? `at most ${schema.maxItems}` : null,
  schema.maxLength ? `at most ${schema.maxLength.toLocaleString("en")} characters` : null,
].filter(Boolean).join(", ");

const example = (name, schema) => {
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return [example(name, schema.items)];
  if (schema.type === "object") return examples(schema);
  return schema.type === "string" ? "A man is sleeping." : 0;
};
const examples = schema => Object.fromEntries(
  Object.entries(schema.properties).map(([name, own]) => [name, example(name, own)]));

const table = schema => make("table", {},
  make("thead", {}, make("tr", {}, ...["Field", "Kind", "Default", "Meaning"].map(title =>
    make("th", {scope: "col"}, title)))),
  make("tbody", {}, ...Object.entries(schema.properties).map(([name, own]) => make("tr", {},
    make("td", {}, make("code", {}, name)), make("td", {}, limits(own)),
    make("td", {}, own.default === undefined ? "needed" : JSON.stringify(own.default)),
    make("td", {}, own.description || "")))));

const trial = (path, schema) => {
  const input = make("textarea", {rows: 8, spellcheck: "false", "aria-label": `Request to ${path}`});
  input.value = JSON.stringify(examples(schema), null, 2);
  const answer = make("div", {role: "status", "aria-live": "polite"});
  const send = async () => {
    try {
      const body = JSON.parse(input.value);
      const found = await ask(path, body);
      answer.replaceChildren(
        make("pre", {tabindex: "0", "aria-label": "Request"}, curl(path.replace("/api/", ""), body)),
        make("pre", {tabindex: "0", "aria-label": "Answer"}, JSON.stringify(found, null, 2)));
    } catch (error) {
      answer.replaceChildren(make("p", {class: "error"}, error.message));
    }
  };
  return make("details", {}, make("summary", {}, "Try it"), input,
    make("p", {}, make("button", {type: "button", onclick: send}, "Send")), answer);
};

try {
  const document_ = await ask("openapi.json");
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const schema = operation.requestBody?.content["application/json"].schema;
      document.getElementById("paths").append(make("section", {class: "card"},
        make("h2", {}, make("code", {}, `${method.toUpperCase()} ${path}`)),
        make("p", {}, operation.summary),
        schema ? make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Fields"}, table(schema)) : null,
        make("p", {class: "facts"}, "Answer: ", operation.responses["200"].description),
        schema ? trial(path, schema) : null));
    }
  }
} catch (error) {
  const trouble = document.getElementById("trouble");
  trouble.textContent = error.message;
  trouble.hidden = false;
}
