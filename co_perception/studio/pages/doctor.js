// The page of the doctor: a recording or the running graph is examined, and each fault named with its remedy.

import { ask, by, el, freeName, onSubmit, table } from "./elements.js";
import { Jobs } from "./jobs.js";

const GRAPH = "the running graph";
let results = [];

async function start() {
  const recordings = await ask("/api/recordings");
  by("source").replaceChildren(...recordings.map(({ name }, n) => new Option(name, String(n))), new Option(GRAPH, ""));
  by("source").addEventListener("change", offer);
  offer();
  await list();
  jobs.look();
}

function offer() {
  by("listening").hidden = by("source").value !== "";
}

async function list() {
  results = (await ask("/api/results")).filter(({ kind }) => kind === "doctor");
  const shown = await Promise.all(results.slice(0, 5).map(async ({ name }) => {
    const found = await ask(`/api/results/doctor/${encodeURIComponent(name)}/findings.json`);
    return examined(name, found);
  }));
  by("examined").replaceChildren(...shown);
}

function examined(name, { streams, findings, delay, commands }) {
  const cards = findings.map(({ severity, fault, topic, words, remedy }) =>
    el("li", { className: `finding ${severity}` },
      el("b", {}, `${severity}: ${fault}`), topic ? el("small", {}, ` ${topic}`) : null,
      el("p", {}, words), el("p", {}, el("b", {}, "Remedy: "), remedy)));
  return el("article", {},
    el("h2", {}, name),
    streams.length ? table(streams) : null,
    cards.length ? el("ul", { className: "findings" }, ...cards) : el("p", { className: "good figure" }, "No fault was found."),
    delay ? el("p", {}, delay) : null,
    commands.length ? el("p", {}, "To recognize activities in it:") : null,
    ...commands.map((line) => el("pre", {}, line)));
}

const jobs = new Jobs(list);
onSubmit(by("examining"), async () => {
  const { value, selectedOptions } = by("source");
  const base = value === "" ? "graph" : selectedOptions[0].textContent;
  const name = freeName(base.replace(/[^\w .-]/g, "_").slice(0, 50), results.map(({ name: taken }) => taken));
  await ask("/api/jobs", { kind: "doctor", name, ...(value === "" ? { seconds: Number(by("seconds").value) } : { recordings: [Number(value)] }) });
  jobs.look();
  return value === "" ? `Listening for ${by("seconds").value} s …` : "Reading …";
});
start().catch((error) => by("jobs").replaceChildren(el("p", { className: "error" }, `the studio does not answer: ${error.message}`)));
