// What can be changed in a recognizer, and how all nodes are, in words.

const by = (id) => document.getElementById(id);
const WORDS = { pictures: "pictures", people: "skeletons", activity: "answers" };

/** Asks nodes only where the part of the page is open and something is pressed. */
export class Controls {
  constructor() {
    this.nodes = [];
    by("controls").addEventListener("toggle", () => this.show());
  }

  recognizers(nodes) {
    if (JSON.stringify(nodes) === JSON.stringify(this.nodes)) return;
    this.nodes = nodes;
    this.show();
  }

  async show() {
    if (!by("controls").open) return;
    const parts = this.nodes.map((node) => panel(node));
    by("recognizers").replaceChildren(...(parts.length ? parts : [line("no recognizer runs: nobody publishes answers")]));
  }

  health({ topics, nodes }) {
    const rows = topics.map(({ kind, topic, rate, age, why }) => {
      const old = age === null ? "" : `, ${age} ms old`;
      return why ? row(why, "", "bad") : row(`${WORDS[kind]} come ${rate.toFixed(1)} times a second${old}`, topic, rate ? "" : "warn");
    });
    const levels = ["", "warn", "bad", "warn"];
    for (const { name, level, message, words } of nodes) rows.push(row(`${name}: ${message}`, words, levels[level] ?? ""));
    by("lines").replaceChildren(...rows);
  }
}

function row(text, more, level) {
  const made = document.createElement("li");
  made.className = level;
  made.append(text);
  if (more) made.append(Object.assign(document.createElement("small"), { textContent: more }));
  return made;
}

function line(text) {
  return Object.assign(document.createElement("p"), { className: "told", textContent: text });
}

/** Reset, threshold and task of one recognizer. */
function panel(node) {
  const made = document.createElement("div");
  const told = line("");
  const tell = (text) => (told.textContent = text);
  const reset = button("Reset: forget what was seen", async () => tell((await asked("POST", "/api/live/reset", { node })).words));
  made.append(Object.assign(document.createElement("b"), { textContent: node }), reset, told);
  fetch(`/api/live/settings?node=${encodeURIComponent(node)}`)
    .then(async (answer) => [answer.ok, await answer.json()])
    .then(([fine, found]) => {
      if (!fine) return tell(found.error);
      const set = async (name, value, done) => {
        try {
          const { refused } = await asked("PUT", "/api/live/settings", { node, name, value });
          tell(refused || `${name} is ${value === -1 ? "the model's own" : value === "" ? "the model itself" : value}`);
          if (!refused) done?.();
        } catch (error) {
          tell(error.message);
        }
      };
      if (found.threshold !== null) made.insertBefore(threshold(found.threshold, set), told);
      if (found.tasks) made.insertBefore(task(found.task, set), told);
    })
    .catch((error) => tell(error.message));
  return made;
}

function threshold(value, set) {
  const made = Object.assign(document.createElement("div"), { className: "row" });
  const label = Object.assign(document.createElement("label"), { textContent: "threshold " });
  const shown = document.createElement("output");
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.01, value: Math.max(value, 0) });
  slider.setAttribute("aria-label", "threshold");
  shown.textContent = value < 0 ? "own" : value.toFixed(2);
  slider.addEventListener("input", () => (shown.textContent = Number(slider.value).toFixed(2)));
  slider.addEventListener("change", () => set("threshold", Number(slider.value)));
  const own = button("own", () => set("threshold", -1, () => (shown.textContent = "own")));
  own.title = "the model's own threshold";
  made.append(label, slider, shown, own);
  return made;
}

function task(value, set) {
  const made = Object.assign(document.createElement("div"), { className: "row" });
  const input = Object.assign(document.createElement("input"), { value, placeholder: "the model itself", maxLength: 200 });
  input.setAttribute("aria-label", "task");
  made.append("task", input, button("switch", () => set("task", input.value.trim())));
  return made;
}

function button(text, press) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await press();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/** The answer to a request. Throws what the studio says is wrong. */
export async function asked(method, path, content) {
  const answer = await fetch(path, { method, body: JSON.stringify(content) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}
