// Elements of pages, and questions to the studio.

export const by = (id) => document.getElementById(id);

/** An element with properties and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** What the studio answers; raises its words where it refuses. */
export async function ask(path, body) {
  const how = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, how);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error ?? `status ${answer.status}`);
  return found;
}

/** A table: the first row names the columns; the first cell of each other row names it. */
export function table(rows, caption = "") {
  const [head, ...others] = rows;
  return el("div", { className: "wide" }, el("table", {},
    caption ? el("caption", {}, caption) : null,
    el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, String(text))))),
    el("tbody", {}, ...others.map(([name, ...cells]) =>
      el("tr", {}, el("th", { scope: "row" }, name), ...cells.map((cell) => (cell instanceof Node ? el("td", {}, cell) : el("td", {}, String(cell)))))))));
}

/** Boxes to choose recordings by. */
export function recordingBoxes(place, recordings) {
  const first = recordings.length === 1;
  place.replaceChildren(...recordings.map(({ name, intervals }, n) =>
    el("label", { className: "choice" },
      el("input", { type: "checkbox", value: String(n), checked: first || intervals > 0 }),
      ` ${name} `, el("small", {}, `${intervals} annotations`))));
}

export const chosen = (place) => [...place.querySelectorAll("input:checked")].map(({ value }) => Number(value));

/** Has a form do something, with its words beside it. */
export function onSubmit(form, work) {
  const words = form.querySelector("output");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    say(words, "…");
    try {
      say(words, (await work()) ?? "");
    } catch (error) {
      say(words, error.message, true);
    } finally {
      button.disabled = false;
    }
  });
}

export function say(place, text, wrong = false) {
  place.textContent = text;
  place.classList.toggle("error", wrong);
}

/** A name that none of these has: name 1, name 2, ... */
export function freeName(base, taken) {
  let number = 1;
  while (taken.includes(`${base} ${number}`)) number += 1;
  return `${base} ${number}`;
}
