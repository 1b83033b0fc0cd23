// The live page: what comes from the graph, while the page can be seen.

import { Controls } from "./live_controls.js";
import { Lanes } from "./live_lanes.js";
import { Recorder } from "./live_record.js";
import { View } from "./live_view.js";

const KINDS = ["pictures", "people", "activity"];
const WORDS = { pictures: "picture", people: "skeletons", activity: "answers" };
const COLORS = ["#7ac", "#ea6", "#8c8", "#d8a", "#cb5", "#9ad", "#e88", "#7cb", "#b9d", "#ac6"];
const by = (id) => document.getElementById(id);

/** All of the page. */
class Live {
  constructor() {
    Object.assign(this, { labels: [], source: null, graph: null, ages: {}, drawn: false, toldAt: 0, written: "", problem: "" });
    const changed = () => this.changed();
    this.view = new View(by("view"), changed, (kind, stamp) => this.age(kind, stamp));
    this.lanes = new Lanes(by("lanes"), by("scores"), changed, (label) => this.color(label));
    this.recorder = new Recorder((label) => this.color(label), (text, wrong) => this.tell(text, wrong));
    this.controls = new Controls();
    for (const kind of KINDS) by(kind).addEventListener("change", () => this.connect());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.leave() : this.connect()));
    document.addEventListener("keydown", (event) => this.recorder.key(event));
    window.addEventListener("resize", changed);
    setInterval(changed, 200);
  }

  async start() {
    const about = await (await fetch("/api/live")).json();
    this.recorder.open(about);
    if (!about.available) return this.tell(about.why, true);
    this.connect();
  }

  /** Looks; what is not looked at is not subscribed to. */
  connect() {
    this.leave();
    const chosen = KINDS.map((kind) => [kind, by(kind).value]);
    const without = chosen.filter(([, topic]) => topic === "-").map(([kind]) => kind);
    const query = new URLSearchParams(chosen.filter(([, topic]) => topic && topic !== "-"));
    if (without.length) query.set("without", without.join(","));
    this.source = new EventSource(`/api/live/events?${query}`);
    const on = (name, take) => this.source.addEventListener(name, (event) => take(JSON.parse(event.data)));
    this.source.addEventListener("open", () => this.tell("live"));
    this.source.addEventListener("error", ({ target }) => {
      if (target.readyState === EventSource.CLOSED) this.refused(target.url);
      else if (!this.problem) this.tell("the studio does not answer; trying again …", true);
    });
    on("problem", (words) => this.tell((this.problem = words), true));
    on("graph", (found) => this.know(found));
    on("picture", (found) => this.view.picture(found));
    on("people", (found) => this.view.people(found));
    on("activity", (found) => this.said(found));
    on("labels", (found) => this.lanes.limits(found));
    on("health", (found) => this.controls.health(found));
    on("recording", (found) => this.recorder.state(found));
    on("recorded", (found) => this.recorder.recorded(found));
  }

  /** Says why the studio does not let this page look: a browser keeps it to itself. */
  async refused(url) {
    const asking = new AbortController();
    const answer = await fetch(url, { signal: asking.signal });
    this.tell(answer.ok ? "load this page again" : (await answer.json()).error, true);
    asking.abort();
  }

  leave() {
    this.source?.close();
    this.source = null;
    this.view.clear();
  }

  tell(text, wrong = false) {
    by("state").textContent = text;
    by("state").className = wrong ? "error" : "";
  }

  /** What there is on the graph. */
  know(graph) {
    Object.assign(this, { graph, problem: "" });
    for (const kind of KINDS) {
      const select = by(kind);
      const before = select.value;
      const shown = graph.shown[kind];
      const names = [["", shown ? `${shown} (chosen)` : "none yet"], ...graph.topics[kind].map((topic) => [topic, topic]), ["-", "do not look"]];
      select.replaceChildren(...names.map(([value, text]) => new Option(text, value)));
      select.value = names.some(([value]) => value === before) ? before : "";
    }
    this.recorder.topics(graph);
    this.controls.recognizers(graph.recognizers);
  }

  said(found) {
    this.age("activity", found.stamp);
    this.lanes.add(found);
    this.view.said(found, (label) => this.color(label));
    const said = JSON.stringify(found.activities.map((each) => [each.subject, each.group, words(each), each.distance]));
    this.changed();
    if (said === this.written) return;
    this.written = said;
    by("now").replaceChildren(
      ...found.activities.filter(({ status }) => status !== "stale").map((each) => {
        const row = document.createElement("li");
        const who = [each.subject || "scene", each.group].filter(Boolean).join(" ");
        const what = document.createElement("b");
        what.textContent = words(each);
        if (each.label) row.style.setProperty("--own", this.color(each.label));
        else row.className = "unsure";
        row.append(`${who}: `, what, each.distance === null ? "" : ` at ${each.distance.toFixed(1)} m`);
        return row;
      }),
    );
  }

  /** How old something is when it is drawn, by this browser's clock, where that is the graph's. */
  age(kind, stamp) {
    const age = performance.timeOrigin + performance.now() - Number(BigInt(stamp) / 1000n) / 1000;
    this.ages[kind] = Math.abs(age) < 10000 ? Math.round(age) : null;
    by("age").dataset[kind] = this.ages[kind] ?? "";
    if (performance.now() - this.toldAt < 250) return;
    this.toldAt = performance.now();
    const known = KINDS.filter((each) => this.ages[each] != null);
    by("age").textContent = known.map((each) => `${WORDS[each]} ${this.ages[each]} ms`).join(" · ");
  }

  color(label) {
    if (!this.labels.includes(label)) this.labels.push(label);
    return COLORS[this.labels.indexOf(label) % COLORS.length];
  }

  /** Draws everything once before the next picture of the screen. */
  changed() {
    if (this.drawn || document.hidden) return;
    this.drawn = true;
    requestAnimationFrame(() => {
      this.drawn = false;
      this.view.draw();
      this.lanes.draw();
    });
  }
}

/** What is said of somebody, or why nothing is. */
export function words({ status, label, score, progress, best }) {
  if (status === "valid") return `${label} ${Math.round(100 * score)} %`;
  if (status === "warming up") return `warming up ${Math.round(100 * progress)} %`;
  if (status === "uncertain") return best.length ? `uncertain (${best[0][0]} ${Math.round(100 * best[0][1])} %)` : "uncertain";
  return status;
}

const live = new Live();
live.start().catch((error) => live.tell(`the studio does not answer: ${error.message}`, true));
