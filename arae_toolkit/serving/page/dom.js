// Elements and requests. Texts only ever become text nodes, so that no sentence is read as markup.

export const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
};

export const drawn = (tag, attributes = {}) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

export const ask = async (address, body) => {
  let response;
  try {
    response = await fetch(address, body && {
      method: "POST",
      headers: {"content-type": "application/json"},
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The server does not answer. Was it stopped?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `The server answered ${response.status}.`);
  return answer;
};

const quoted = text => "'" + text.replaceAll("'", "'\\''") + "'";

export const curl = (operation, body) =>
  `curl -s ${location.origin}/api/${operation} -H "Authorization: Bearer $TOKEN" \\\n` +
  `  -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;

export const percent = share => {
  if (share < 0.001) return "< 0.1 %";
  if (share > 0.999) return "> 99.9 %";
  return `${(100 * share).toFixed(share > 0.1 && share < 0.9 ? 0 : 1)} %`;
};
