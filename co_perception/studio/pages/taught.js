// What is said of a gallery: how many of its shows the others recognize, and what to show once more.

import { el, table } from "./elements.js";

export function saidOf({ shows, right, asked, words, skipped, command }) {
  const [first, ...others] = words;
  const good = asked > 0 && right === asked;
  return [
    el("p", { className: good ? "good figure" : "figure" }, first),
    others.length ? el("ul", {}, ...others.map((line) => el("li", {}, line))) : null,
    table([["activity", "shows"], ...Object.entries(shows)]),
    skipped.length ? el("details", {}, el("summary", {}, `${skipped.length} could not be used`), el("ul", {}, ...skipped.map((line) => el("li", {}, line)))) : null,
    el("p", {}, "To recognize with it:"),
    el("pre", {}, command),
  ].filter(Boolean);
}
