// What is said of a gallery: how many of its shows the others recognize, what to show once more, and how to use it.

import { ask, el, say, table } from "./elements.js";

const LOOK_MS = 2000;

export function saidOf({ shows, right, asked, words, skipped, command }, model) {
  const [first, ...others] = words;
  const good = asked > 0 && right === asked;
  return [
    el("p", { className: good ? "good figure" : "figure" }, first),
    others.length ? el("ul", {}, ...others.map((line) => el("li", {}, line))) : null,
    table([["activity", "shows"], ...Object.entries(shows)]),
    skipped.length ? el("details", {}, el("summary", {}, `${skipped.length} could not be used`), el("ul", {}, ...skipped.map((line) => el("li", {}, line)))) : null,
    ...useOf(model, command),
  ].filter(Boolean);
}

/** How a model is used: at once in the recognizers that run, or by a line for a terminal. */
export function useOf(model, command) {
  const running = el("div", {});
  const look = async (left) => {
    const nodes = await ask("/api/live/recognizers");
    running.replaceChildren(...nodes.map((node) => choice(node, model)));
    if (!nodes.length && left) setTimeout(() => look(left - 1).catch(() => {}), LOOK_MS); // ROS finds nodes one by one
  };
  look(2).catch(() => {}); // the studio is gone: the page says so elsewhere
  return [running, el("p", {}, "To start a recognizer with it:"), el("pre", {}, command)];
}

/** Two buttons: the model goes into a node, and out of it again. */
function choice(node, model) {
  const words = el("output", {});
  const press = (text, key, done) => {
    const made = el("button", { type: "button" }, text);
    made.addEventListener("click", async () => {
      say(words, "…");
      made.disabled = true;
      try {
        await ask("/api/live/model", { node, model: key });
        words.replaceChildren(done, " ", el("a", { href: "/pages/live.html" }, "Look at it live"));
      } catch (error) {
        say(words, error.message, true);
      } finally {
        made.disabled = false;
      }
    });
    return made;
  };
  const name = model.split("/").pop();
  return el("p", { className: "choices" },
    press(`recognize with it now in ${node}`, model, `${node} recognizes with ${name} as soon as it is loaded.`),
    press("back to its own model", "", `${node} recognizes with its own model again.`), words);
}
