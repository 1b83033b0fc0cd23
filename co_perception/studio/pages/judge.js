// The page where models are judged: evaluations with their reports, two of them compared, and rules that are tuned.

import { ask, by, chosen, el, freeName, onSubmit, recordingBoxes, table } from "./elements.js";
import { Jobs } from "./jobs.js";

const number = (value) => (value === null || value === undefined ? "-" : value.toFixed(3));
const file = (kind, name, of) => `/api/results/${kind}/${encodeURIComponent(name)}/${of}`;

async function start() {
  const [recordings, models] = await Promise.all([ask("/api/recordings"), ask("/api/models")]);
  recordingBoxes(by("recordings"), recordings);
  by("recordings").prepend(el("legend", {}, "Recordings"));
  by("model").replaceChildren(...models.map((key) => new Option(key.replace("/", ": "), key)));
  await list();
  jobs.look();
}

async function list() {
  const results = await ask("/api/results");
  const of = (kind) => results.filter((each) => each.kind === kind);
  const suggest = (id, base, kind) => {
    const names = of(kind).map(({ name }) => name);
    if (!by(id).value || names.includes(by(id).value)) by(id).value = freeName(base, names);
  };
  suggest("run", "run", "evaluate");
  suggest("rules", "rules", "tune");
  const runs = of("evaluate");
  for (const id of ["first", "second"]) {
    const before = by(id).value;
    by(id).replaceChildren(...runs.map(({ name }) => new Option(name, name)));
    if (runs.some(({ name }) => name === before)) by(id).value = before;
    else if (runs.length > 1) by(id).selectedIndex = id === "first" ? 1 : 0;
  }
  by("comparing").hidden = runs.length < 2;
  const summaries = await Promise.all(runs.slice(0, 20).map(({ name }) => ask(file("evaluate", name, "summary.json")).catch(() => null)));
  by("runs").replaceChildren(...(runs.length ? [runTable(runs, summaries)] : [el("p", { className: "faint" }, "Nothing was evaluated yet.")]));
  by("tuned").replaceChildren(...of("tune").slice(0, 5).map(tuned));
}

/** A row for each evaluation and group of labels. */
function runTable(runs, summaries) {
  const rows = summaries.flatMap((summary, n) => {
    const { name, files } = runs[n];
    const report = files.includes("report.html") ? el("a", { href: file("evaluate", name, "report.html") }, "report") : "-";
    const figures = summary?.figures;
    const groups = !figures ? [["", null]] : "overall" in figures ? [["", figures]] : Object.entries(figures);
    return groups.map(([group, found]) => [
      group ? `${name}, ${group}` : name, summary?.recognizer.split("@")[0] ?? "-",
      number(found?.overall.top1), number(found?.chance.top1), number(found?.overall.macro_f1), number(found?.overall.segment_f1_50), report]);
  });
  return table([["run", "model", "frames right", "by chance", "macro F1", "segment F1 at .5", ""], ...rows]);
}

function tuned({ name, files, folder }) {
  const place = el("article", {}, el("h3", {}, name));
  if (files.includes("trade.png")) place.append(el("img", { src: file("tune", name, "trade.png"), alt: "activities missed and false alarms, by threshold" }));
  place.append(el("p", {}, el("a", { href: file("tune", name, "event_rules.yaml"), download: "event_rules.yaml" }, "event_rules.yaml"), " for the node:"),
    el("pre", {}, `--params-file "${folder}/event_rules.yaml"`));
  return place;
}

function compared({ models, rows, notes, agreement }, names) {
  const mark = (text, better) => el("span", { className: better ? "better" : "" }, text);
  const grouped = rows.some(({ group }) => group);
  const cells = rows.map(({ group, name, values: [one, other], difference, better }) => [
    grouped ? `${group}: ${name}` : name, mark(number(one), better === 0), mark(number(other), better === 1),
    difference === null ? "-" : `${difference > 0 ? "+" : ""}${difference.toFixed(3)}`]);
  const agreed = agreement === null ? [] : [el("p", {}, `${(100 * agreement).toFixed(1)} % of their frames have the same label.`)];
  return [
    ...notes.map((line) => el("p", { className: "note" }, line)), ...agreed,
    table([["figure", ...models.map((model, n) => `${names[n]}: ${model.split("@")[0]}`), "difference"], ...cells], "Bold is the better of both. Errors, delays and ece are better where they are smaller."),
  ];
}

const jobs = new Jobs(list);
onSubmit(by("evaluating"), async () => {
  const job = await ask("/api/jobs", { kind: "evaluate", name: by("run").value, recordings: chosen(by("recordings")), model: by("model").value });
  jobs.look();
  return `${job.name} is in the queue.`;
});
onSubmit(by("tuning"), async () => {
  const job = await ask("/api/jobs", {
    kind: "tune", name: by("rules").value, recordings: chosen(by("recordings")), model: by("model").value,
    per_hour: Number(by("rate").value), nothing: by("nothing").checked,
  });
  jobs.look();
  return `${job.name} is in the queue.`;
});
onSubmit(by("comparing"), async () => {
  const query = new URLSearchParams({ first: by("first").value, second: by("second").value });
  by("comparison").replaceChildren(...compared(await ask(`/api/comparison?${query}`), [...query.values()]));
});
start().catch((error) => by("jobs").replaceChildren(el("p", { className: "error" }, `the studio does not answer: ${error.message}`)));
