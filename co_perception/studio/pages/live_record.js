// Recording while somebody performs: buttons and keys that mark, and a countdown that says what comes next.

import { RECORDED, labelsOf } from "./intervals.js";
import { asked } from "./live_controls.js";

const by = (id) => document.getElementById(id);
const FIELDS = ["labels", "repeats", "act_s", "rest_s"];

/** The panel for recordings. */
export class Recorder {
  constructor(color, tell) {
    Object.assign(this, { color, tell, running: null, allowed: false, chosen: new Map(), known: "", sounded: "", cameAt: 0, told: "", buttons: [], ahead: -Infinity, marking: Promise.resolve() });
    by("plan").addEventListener("submit", (event) => this.start(event));
    by("stop").addEventListener("click", () => this.ask("stop"));
    by("guided").addEventListener("change", () => (by("numbers").hidden = !by("guided").checked));
    by("name").value = suggested();
    this.restore();
    setInterval(() => this.banner(), 100);
  }

  open({ available, folder }) {
    this.allowed = Boolean(folder);
    by("plan").hidden = !this.allowed;
    by("refused").hidden = this.allowed || !available;
    by("refused").textContent = "Start the studio with --record DIR, the folder for recordings.";
  }

  restore() {
    try {
      const left = JSON.parse(localStorage.getItem(RECORDED) ?? "{}");
      for (const field of FIELDS) if (left[field]) by(field).value = left[field];
    } catch {
      // what was stored by another version is of no use
    }
  }

  /** Offers the topics that there are; skeletons are recorded unless somebody says otherwise. */
  topics({ shown, all }) {
    const first = [shown.people, shown.pictures].filter(Boolean);
    const names = [...first, ...all.filter((topic) => !first.includes(topic) && !/rosout|parameter_events|transition_event|bond/.test(topic))];
    if (JSON.stringify(names) === this.known) return;
    this.known = JSON.stringify(names);
    const rows = names.map((topic) => {
      const row = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", value: topic });
      box.checked = this.chosen.get(topic) ?? topic === shown.people;
      box.addEventListener("change", () => this.chosen.set(topic, box.checked));
      row.append(box, ` ${topic}`);
      return row;
    });
    by("topics").replaceChildren(by("topics").querySelector("legend"), ...rows);
  }

  async start(event) {
    event.preventDefault();
    const labels = labelsOf(by("labels").value);
    const topics = [...by("topics").querySelectorAll("input:checked")].map(({ value }) => value);
    const plan = by("guided").checked && labels.length ? Object.fromEntries(FIELDS.slice(1).map((field) => [field, Number(by(field).value)])) : null;
    localStorage.setItem(RECORDED, JSON.stringify(Object.fromEntries(FIELDS.map((field) => [field, by(field).value]))));
    this.sound(0);
    await this.attempt(() => asked("POST", "/api/live/recording", { name: by("name").value.trim(), topics, labels, plan }));
  }

  /** Asks something of the recording that runs. Where another page has ended it meanwhile, its summary stays. */
  ask(what, content = {}) {
    const { running } = this;
    return this.attempt(async () => {
      try {
        await asked("POST", `/api/live/${what}`, content);
      } catch (error) {
        if (this.running?.name === running?.name) throw error;
      }
    });
  }

  async attempt(work) {
    this.say("");
    try {
      await work();
    } catch (error) {
      this.say(error.message, true);
    }
  }

  say(text, wrong = false) {
    by("summary").textContent = text;
    by("summary").className = wrong ? "error" : "";
  }

  /** What the recording that runs says several times a second; null where none does. */
  state(found) {
    const begins = found && found.name !== this.running?.name; // also where another one began while the page was away
    Object.assign(this, { running: found, cameAt: performance.now() });
    document.body.classList.toggle("recording", Boolean(found));
    by("running").hidden = !found;
    by("plan").hidden = Boolean(found) || !this.allowed;
    if (begins) {
      this.say("");
      this.ahead = -Infinity;
      this.buttons = found.labels.map((label, n) => this.button(label, n));
      by("marks").replaceChildren(...this.buttons);
      by("record").scrollIntoView({ block: "start" });
    }
    if (!found && this.buttons.length) {
      this.buttons = [];
      by("marks").replaceChildren();
    }
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.label === found.label));
    if (found) {
      // What came least late tells best which second of the recording it is now.
      this.ahead = Math.max(this.ahead, found.seconds - performance.now() / 1000);
      const waiting = found.awaited.length ? `, waiting for ${found.awaited.join(", ")}` : "";
      by("progress").textContent = `${found.name}: ${found.seconds.toFixed(0)} s, ${found.messages} messages${waiting}`;
    }
    this.warn(found?.warnings ?? []);
    this.banner();
  }

  /** What makes the recording worse while it runs. */
  warn(lines) {
    const text = lines.join("\n");
    if (by("warnings").dataset.text === text) return; // or a reader of the screen would read it again and again
    by("warnings").dataset.text = text;
    by("warnings").hidden = !lines.length;
    by("warnings").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  }

  button(label, n) {
    const made = document.createElement("button");
    made.type = "button";
    made.dataset.label = label;
    made.style.setProperty("--own", this.color(label));
    if (n < 9) made.append(Object.assign(document.createElement("kbd"), { textContent: n + 1 }));
    made.append(label);
    made.addEventListener("click", ({ timeStamp }) => this.mark(label, timeStamp));
    return made;
  }

  /** Marks at the time of the tap or key, however late the studio hears of it; one after the other, in their order. */
  mark(label, pressed) {
    const at = Math.max(pressed / 1000 + this.ahead, 0);
    this.marking = this.marking.then(() => this.ask("mark", { label, at }));
    return this.marking; // the state says that it was taken
  }

  key(event) {
    if (!this.running || event.target.closest("input, select, button") || event.ctrlKey || event.metaKey || event.altKey) return;
    const label = /^[1-9]$/.test(event.key) ? this.running.labels[Number(event.key) - 1] : event.key === " " ? "" : undefined;
    if (label === undefined) return;
    event.preventDefault();
    this.mark(label, event.timeStamp);
  }

  /** What the performer does now, and what comes next. */
  banner() {
    const performance_ = this.running?.performance;
    by("banner").hidden = !performance_;
    if (!performance_) return;
    const { label, left_s, whole_s, following, number, count } = performance_;
    const left = Math.max(left_s - (performance.now() - this.cameAt) / 1000, 0);
    by("banner").classList.toggle("act", Boolean(label));
    by("banner").style.setProperty("--own", this.color(label || following));
    by("prompt").textContent = label ? label : following ? `next: ${following}` : "done";
    by("left").textContent = label ? `${left.toFixed(1)} s` : following ? `in ${Math.ceil(left)}` : "";
    by("part").value = 1 - Math.min(left / whole_s, 1);
    by("then").textContent = label ? (following ? `then ${following} · ${number} of ${count}` : `the last one · ${number} of ${count}`) : `${number} of ${count} done`;
    this.sounds(label, left);
  }

  /** A high tone where an activity begins, a low one where it ends, ticks in the last seconds before. */
  sounds(label, left) {
    const tick = label || left > 3 ? "" : Math.ceil(left);
    const now = `${label}|${tick}`;
    if (now === this.sounded) return;
    const before = this.sounded.split("|")[0];
    this.sounded = now;
    if (label && label !== before) this.sound(880, 0.35);
    else if (!label && before) this.sound(330, 0.35);
    else if (tick) this.sound(550, 0.08);
  }

  sound(pitch, seconds = 0.1) {
    if (!by("sound").checked) return;
    this.audio ??= new AudioContext();
    if (!pitch) return;
    const tone = this.audio.createOscillator();
    const volume = this.audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.value = 0.2;
    tone.connect(volume).connect(this.audio.destination);
    tone.start();
    tone.stop(this.audio.currentTime + seconds);
  }

  /** A recording has ended: what is in it, and where it can be annotated. */
  async recorded({ name, path, messages, marked, lacking, slow, problem }) {
    if (this.told === path) return; // before this page was out of sight
    this.told = path;
    if (by("name").value === name || /^take-[\d-]+$/.test(by("name").value)) by("name").value = suggested(); // not what another writes
    const wrong = [problem, ...lacking, ...slow].filter(Boolean);
    this.say(`${name}: ${messages} messages, ${marked} ${marked === 1 ? "mark" : "marks"}, in ${path}. ${wrong.join(". ")}`, wrong.length > 0);
    const { number, why } = await asked("POST", "/api/live/recorded", {});
    asked("POST", "/api/gallery/warm", {}).catch(() => {}); // what is recorded is mostly taught next
    if (number === null) return by("summary").append(` It cannot be annotated: ${why}`);
    const link = Object.assign(document.createElement("a"), { href: `/#${number}`, textContent: "Look at the marks" });
    by("summary").append(" ", link);
  }
}

/** A name by the time of day, which no other recording has. */
function suggested() {
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString();
  return `take-${now.slice(0, 10)}-${now.slice(11, 19).replaceAll(":", "")}`;
}
