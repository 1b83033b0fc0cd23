// The page for annotations: keys, playing, and what stands in which lane.

import { Intervals, numbered, same } from "./intervals.js";
import { Joints, draw } from "./joints.js";
import { Pictures } from "./pictures.js";
import { Saving } from "./saving.js";
import { Timeline, words } from "./timeline.js";

const COLORS = ["#7ac", "#ea6", "#8c8", "#d8a", "#cb5", "#9ad", "#e88", "#7cb", "#b9d", "#ac6"];
const SECOND = 1e9;
const REACTION = 0.24e9; // from what is seen to the key, as of Card, Moran and Newell, 1983; the mean of their range
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const by = (id) => document.getElementById(id);

/** One recording in the page. */
class Studio {
  constructor() {
    Object.assign(this, { time: 0, lane: "", chosen: null, open: null, playing: null, labels: [], drawn: false, look: 0, speed: 1 });
    this.view = by("view");
    this.timeline = new Timeline(by("timeline"), this);
    document.addEventListener("keydown", (event) => this.key(event));
    by("recording").addEventListener("change", (event) => this.load(Number(event.target.value)));
    by("adding").addEventListener("submit", (event) => this.added(event));
    window.addEventListener("resize", () => this.changed());
  }

  async start() {
    const found = await (await fetch("/api/recordings")).json();
    if (!found.length) return location.replace("/pages/live.html");
    found.forEach(({ name }, n) => by("recording").append(new Option(name, String(n))));
    const asked = Number(location.hash.slice(1));
    const first = asked > 0 && asked < found.length ? asked : 0;
    by("recording").value = String(first);
    await this.load(first);
  }

  async load(number) {
    const answer = await fetch(`/api/recordings/${number}`);
    const found = await answer.json();
    if (String(number) !== by("recording").value) return; // another one was chosen meanwhile
    if (!answer.ok) return this.tell(found.error, true);
    Object.assign(this, { height: found.height, duration: found.duration, chosen: null, open: null, playing: null, time: 0 });
    this.saving = new Saving(number, `${found.name} ${found.begin_ns}`, found.version, (text, wrong) => this.tell(text, wrong));
    this.intervals = new Intervals(found.intervals);
    this.proposals = found.proposals;
    const left = this.saving.lost();
    this.joints = new Joints(number, () => this.changed());
    this.box = found.picture;
    this.pictures = found.picture ? new Pictures(number, () => this.changed()) : null;
    const ids = found.people.map(({ id }) => id);
    const others = [...new Set(found.intervals.map(({ subject }) => subject))].filter((id) => id && !ids.includes(id));
    const lanes = [...found.people.filter(({ id }) => id), ...others.map((id) => ({ id, spans: [] })), { id: "", spans: [] }];
    this.lanes = lanes.map(({ id }) => id);
    this.lane = this.lanes[0];
    // Those of recordings that were open before keep their numbers.
    this.labels = [...new Set([...this.labels, ...numbered(this.intervals.labels), ...this.proposals.map(({ label }) => label)])];
    this.timeline.open(found.duration, lanes);
    by("damage").replaceChildren(...found.damage.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
    this.tell(left ? "" : "saved");
    if (left) this.edit(() => this.intervals.apply(() => left));
    this.list();
    this.changed();
  }

  tell(text, wrong = false) {
    by("state").textContent = text;
    by("state").className = wrong ? "error" : "";
  }

  color(label) {
    const place = this.labels.indexOf(label);
    return COLORS[(place < 0 ? 0 : place) % COLORS.length];
  }

  list() {
    by("labels").replaceChildren(
      ...this.labels.map((label) => {
        const row = document.createElement("li");
        const mark = document.createElement("span");
        mark.className = "mark";
        mark.style.background = this.color(label);
        row.append(mark, label);
        row.className = this.open?.label === label ? "open" : "";
        row.addEventListener("click", () => this.mark(label));
        return row;
      }),
    );
  }

  added(event) {
    event.preventDefault();
    const label = by("label").value.trim();
    if (label && !this.labels.includes(label)) this.labels.push(label);
    by("label").value = "";
    by("label").blur();
    this.list();
  }

  /** Makes a change, and has it written. */
  edit(change) {
    if (!change()) return;
    for (const label of this.intervals.labels) if (!this.labels.includes(label)) this.labels.push(label);
    this.chosen = this.intervals.all.find((each) => same(each, this.chosen)) ?? null;
    this.saving.later(this.intervals.all);
    this.list();
    this.changed();
  }

  choose(lane, interval) {
    this.lane = lane;
    this.chosen = interval ?? null;
    this.changed();
  }

  go(time) {
    this.time = Math.round(Math.min(Math.max(time, 0), this.duration - 1));
    this.timeline.reveal(this.time);
    this.changed();
  }

  /** Begins a label here, or ends the one that was begun; another one begins where that ends. */
  mark(label) {
    const begun = this.open;
    const here = this.seen();
    this.open = null;
    if (begun && here > begun.start) {
      const made = { ...begun, end: here };
      this.edit(() => this.intervals.add(made));
    }
    if (begun?.label !== label) this.open = { start: here, label, subject: this.lane, group: "", recording: "" };
    this.list();
    this.changed();
  }

  /** The time that a key is about: while it plays, what was on the screen when the hand was told to move. */
  seen() {
    if (!this.playing) return this.time;
    return Math.max(Math.round(this.time - REACTION * this.speed), this.playing.from);
  }

  /** The proposal of the lane at this time. */
  proposed() {
    return this.proposals.find(({ subject, start, end }) => subject === this.lane && start <= this.time && this.time < end);
  }

  /** Makes annotations of proposals. */
  accept(which) {
    if (!which.length) return;
    this.proposals = this.proposals.filter((each) => !which.includes(each));
    const made = which.map(({ share, ...interval }) => ({ ...interval, recording: "" }));
    this.edit(() => this.intervals.addAll(made));
    this.chosen = this.intervals.all.find((each) => same(each, made.at(-1))) ?? null;
    this.changed();
  }

  refuse() {
    const here = this.proposed();
    this.proposals = this.proposals.filter((each) => each !== here);
    this.changed();
  }

  /** Goes to the proposal that the model is least sure of. */
  doubt() {
    const here = this.proposed();
    const others = this.proposals.filter((each) => each !== here);
    if (!others.length) return;
    const least = others.reduce((one, other) => (other.share < one.share ? other : one));
    this.lane = least.subject;
    this.go(least.start);
  }

  border(side, time) {
    const old = this.chosen;
    if (!old) return;
    const next = { start: side === "start" ? time : old.start, end: side === "end" ? time : old.end };
    this.chosen = { ...old, ...next };
    this.edit(() => this.intervals.move(old, next.start, next.end));
  }

  step(direction, whole) {
    const next = whole ? this.time + direction * SECOND : this.joints.neighbor(this.time, direction);
    this.go(next ?? this.time + (direction * SECOND) / 15);
  }

  jump(direction) {
    const own = this.intervals.all.filter((each) => each.subject === this.lane);
    const ahead = own.filter((each) => (each.start - this.time) * direction > 0);
    const next = direction > 0 ? ahead[0] : ahead.at(-1);
    if (!next) return;
    this.chosen = next;
    this.go(next.start);
  }

  /** Chooses the interval of the lane here, or the nearest one. */
  pick() {
    const far = ({ start, end }) => Math.max(start - this.time, this.time - end, 0);
    const own = this.intervals.all.filter((each) => each.subject === this.lane);
    this.chosen = own.length ? own.reduce((one, other) => (far(other) < far(one) ? other : one)) : null;
    this.changed();
  }

  /** Opens the recording before or after this one. */
  async another(direction) {
    const next = by("recording").selectedIndex + direction;
    if (next < 0 || next >= by("recording").length) return;
    by("recording").selectedIndex = next;
    await this.load(next);
  }

  play() {
    if (this.playing) {
      this.playing = null;
      return;
    }
    const begun = { real: performance.now(), time: this.time, from: this.time };
    this.playing = begun;
    const advance = () => {
      if (this.playing !== begun) return;
      this.go(begun.time + (performance.now() - begun.real) * 1e6 * this.speed);
      if (this.time >= this.duration - 1) this.playing = null;
      else requestAnimationFrame(advance);
    };
    requestAnimationFrame(advance);
  }

  /** Plays faster or slower from here on. */
  pace(direction) {
    if (this.playing) Object.assign(this.playing, { real: performance.now(), time: this.time });
    this.speed = SPEEDS[Math.min(Math.max(SPEEDS.indexOf(this.speed) + direction, 0), SPEEDS.length - 1)];
    this.changed();
  }

  key(event) {
    if (event.target.closest("input, select") || !this.intervals) return;
    const control = event.ctrlKey || event.metaKey;
    const keys = {
      " ": () => this.play(),
      ArrowLeft: () => this.step(-1, event.shiftKey),
      ArrowRight: () => this.step(1, event.shiftKey),
      ArrowUp: () => this.choose(this.lanes[Math.max(this.lanes.indexOf(this.lane) - 1, 0)]),
      ArrowDown: () => this.choose(this.lanes[Math.min(this.lanes.indexOf(this.lane) + 1, this.lanes.length - 1)]),
      Home: () => this.go(0),
      End: () => this.go(this.duration),
      "[": () => this.border("start", this.time),
      "]": () => this.border("end", this.time),
      ",": () => this.pace(-1),
      ".": () => this.pace(1),
      s: () => this.edit(() => this.chosen && this.intervals.split(this.chosen, this.time)),
      Enter: () => this.pick(),
      l: () => by("label").focus(),
      PageUp: () => this.another(-1),
      PageDown: () => this.another(1),
      n: () => this.jump(1),
      p: () => this.jump(-1),
      Delete: () => this.edit(() => this.chosen && this.intervals.remove(this.chosen)),
      a: () => this.accept(this.proposals.filter((each) => (event.shiftKey ? each.subject === this.lane : each === this.proposed()))),
      r: () => this.refuse(),
      u: () => this.doubt(),
      v: () => this.turn(),
      Escape: () => this.cancel(),
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
    };
    let work = control ? null : keys[event.key] ?? keys[event.key.toLowerCase()];
    if (control && event.key === "z") work = () => this.edit(() => this.intervals.undo());
    if (control && event.key === "y") work = () => this.edit(() => this.intervals.redo());
    const label = !control && /^[1-9]$/.test(event.key) ? this.labels[Number(event.key) - 1] : null;
    if (label) work = () => this.mark(label);
    if (!work) return;
    event.preventDefault();
    work();
  }

  cancel() {
    this.open = null;
    this.list();
    this.changed();
  }

  /** Shows picture and figures, the picture alone, the figures alone. */
  turn() {
    this.look = this.pictures ? (this.look + 1) % 3 : 0;
    this.changed();
  }

  zoom(factor) {
    this.timeline.zoom(factor, this.time);
    this.changed();
  }

  /** Draws everything once before the next picture of the screen. */
  changed() {
    if (this.drawn) return;
    this.drawn = true;
    requestAnimationFrame(() => {
      this.drawn = false;
      this.paint();
    });
  }

  paint() {
    const { time, lane, chosen, open } = this;
    const color = (label) => this.color(label);
    const of = (id) => COLORS[Math.max(this.lanes.indexOf(id), 0) % COLORS.length];
    const picture = this.pictures && this.look < 2 ? { box: this.box, bitmap: this.pictures.at(time) } : null;
    const figures = this.look !== 1 && (!picture || this.box[2] || !picture.bitmap);
    draw(this.view, figures ? this.joints.at(time) : [], this.height, lane, of, picture);
    this.timeline.draw({ intervals: this.intervals.all, proposals: this.proposals, chosen, time, lane, open, color });
    const here = this.intervals.at(lane, time);
    const maybe = this.proposed();
    const pace = this.speed === 1 ? "" : `  ×${this.speed}`;
    by("clock").textContent = `${words(time)}${pace}  ${here ? here.label : ""}${maybe ? ` ${maybe.label}? ${Math.round(100 * maybe.share)} %` : ""}`;
  }
}

const studio = new Studio();
studio.start().catch((error) => studio.tell(`the studio does not answer: ${error.message}`, true));
