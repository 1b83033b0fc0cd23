// The page where activities are taught: a gallery of what was shown, and a training with its confusions.

import { ask, by, chosen, el, freeName, onSubmit, recordingBoxes, table } from "./elements.js";
import { Jobs } from "./jobs.js";
import { saidOf, useOf } from "./taught.js";

let shows = [];
let results = [];

async function start() {
  const [recordings, found] = await Promise.all([ask("/api/recordings"), ask("/api/shows")]);
  shows = found;
  recordingBoxes(by("recordings"), recordings);
  by("recordings").prepend(el("legend", {}, "Recordings"));
  by("recordings").addEventListener("change", listLabels);
  listLabels();
  await listResults();
  jobs.look();
  ask("/api/gallery/warm", {}).catch(() => {});
}

/** The activities of the chosen recordings, and how often each is marked. */
function listLabels() {
  const off = new Set([...by("labels").querySelectorAll("input:not(:checked)")].map(({ value }) => value));
  const counts = new Map();
  for (const number of chosen(by("recordings"))) {
    for (const [label, { shows: count, seconds }] of Object.entries(shows[number].labels)) {
      const [before, longer] = counts.get(label) ?? [0, 0];
      counts.set(label, [before + count, longer + seconds]);
    }
  }
  const boxes = [...counts].map(([label, [count, seconds]]) =>
    el("label", { className: "choice" }, el("input", { type: "checkbox", value: label, checked: !off.has(label) }),
      ` ${label} `, el("small", {}, `marked ${count === 1 ? "once" : `${count} times`}, ${seconds.toFixed(1)} s`)));
  by("labels").replaceChildren(el("legend", {}, "Activities"),
    ...(boxes.length ? boxes : [el("p", { className: "faint" }, "Nothing is marked in these recordings yet.")]));
}

async function listResults() {
  results = await ask("/api/results");
  const names = results.filter(({ kind }) => kind === "train").map(({ name }) => name);
  if (!by("network").value || names.includes(by("network").value)) by("network").value = freeName("lesson", names);
  const galleries = results.filter(({ kind }) => kind === "gallery");
  if (galleries.length && !by("taught").hasChildNodes()) {
    by("gallery").value = galleries[0].name;
    const { name } = galleries[0];
    by("taught").replaceChildren(...saidOf(await ask(`/api/results/gallery/${encodeURIComponent(name)}/taught.json`), `gallery/${name}`));
  }
  const trained = results.filter(({ kind }) => kind === "train").slice(0, 5);
  by("trained").replaceChildren(...(await Promise.all(trained.map(confusions))));
}

/** A training's figures, and what it takes held-out examples for. */
async function confusions({ name, files, command }) {
  const place = el("article", {}, el("h3", {}, name));
  if (!files.includes("held_out.json")) {
    place.append(el("p", {}, "Nothing was held out, so nobody knows how good it is: all words of its job say which activity has one take only, and which marks were left out."));
  } else {
    const found = await ask(`/api/results/train/${encodeURIComponent(name)}/held_out.json`);
    const most = Math.max(...found.confusion.flat(), 1);
    const cell = (count, right) => {
      const made = el("span", { className: right ? "right" : "wrong" }, String(count));
      made.style.setProperty("--share", String(count / most));
      return made;
    };
    place.append(
      el("p", {}, `Held out: accuracy ${found.judged.accuracy.toFixed(3)}; ${found.words}.`),
      table([["truth \\ taken for", ...found.classes], ...found.confusion.map((row, n) => [found.classes[n], ...row.map((count, m) => cell(count, n === m))])],
        "Held-out windows, by what was done (rows) and what it was taken for (columns)"),
    );
  }
  place.append(...useOf(`train/${name}`, command));
  return place;
}

const jobs = new Jobs(listResults);
onSubmit(by("teaching"), async () => {
  const labels = [...by("labels").querySelectorAll("input:checked")].map(({ value }) => value);
  const name = by("gallery").value;
  const found = await ask("/api/gallery", { name, recordings: chosen(by("recordings")), labels });
  by("taught").replaceChildren(...saidOf(found, `gallery/${name}`));
});
onSubmit(by("training"), async () => {
  const job = await ask("/api/jobs", {
    kind: "train", name: by("network").value, recordings: chosen(by("recordings")),
    epochs: Number(by("epochs").value), start: by("start").value, by: by("by").value, rest: by("rest").checked,
  });
  jobs.look();
  return `${job.name} is in the queue.`;
});
start().catch((error) => by("jobs").replaceChildren(el("p", { className: "error" }, `the studio does not answer: ${error.message}`)));
