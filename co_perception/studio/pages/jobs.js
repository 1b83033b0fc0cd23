// The jobs of the studio: progress, last words, a button to stop each. They go on where the page is closed.

import { ask, by, el } from "./elements.js";

const SOON_MS = 700;
const LATER_MS = 4000;
const OPEN = ["waiting", "running", "stopping"];

/** Shows the jobs again and again; `ended` is called when one has ended. */
export class Jobs {
  constructor(ended) {
    Object.assign(this, { ended, states: null, shown: null, timer: null });
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const jobs = await ask("/api/jobs");
      const states = new Map(jobs.map(({ number, state }) => [number, state]));
      const before = this.states;
      this.states = states;
      this.draw(jobs);
      if (before && [...states].some(([number, state]) => !OPEN.includes(state) && before.get(number) !== state)) this.ended();
      this.timer = setTimeout(() => this.look(), jobs.some(({ state }) => OPEN.includes(state)) ? SOON_MS : LATER_MS);
    } catch (error) {
      by("jobs").replaceChildren(el("p", { className: "error" }, `the studio does not answer: ${error.message}`));
      this.timer = setTimeout(() => this.look(), LATER_MS);
    }
  }

  draw(jobs) {
    if (!jobs.length) by("jobs").replaceChildren(el("p", { className: "faint" }, "Nothing was started yet."));
    else by("jobs").replaceChildren(...jobs.slice(0, 12).map((job) => this.row(job)));
  }

  row(job) {
    const { number, kind, name, state, progress } = job;
    const open = OPEN.includes(state);
    const bar = el("progress", { max: 1, ariaLabel: `${kind} ${name}` });
    if (progress !== null) bar.value = progress;
    const stop = el("button", { type: "button" }, "stop");
    stop.addEventListener("click", async () => {
      stop.disabled = true;
      await ask(`/api/jobs/${number}/stop`, {}).catch(() => {});
      this.look();
    });
    const words = el("button", { type: "button", className: "plain" }, this.shown === number ? "fewer words" : "all words");
    words.addEventListener("click", () => this.open(number));
    return el("div", { className: `job ${state}` },
      el("b", {}, `${kind} ${name}`), el("span", { className: "state" }, `${state}${time(job)}`),
      state === "running" ? bar : null, open && state !== "stopping" ? stop : null, words,
      this.shown === number ? el("pre", {}, this.text ?? "") : el("p", { className: "faint last" }, job.lines.at(-1) ?? ""));
  }

  async open(number) {
    this.shown = this.shown === number ? null : number;
    this.text = this.shown === null ? "" : (await ask(`/api/jobs/${number}`)).lines.join("\n");
    this.look();
  }
}

function time({ began_s, ended_s }) {
  if (!began_s) return "";
  const seconds = Math.max((ended_s ?? Date.now() / 1000) - began_s, 0);
  return seconds < 90 ? `, ${seconds.toFixed(0)} s` : `, ${(seconds / 60).toFixed(1)} min`;
}
