// Timeline: a lane per person and one for everybody, with intervals that can be drawn, moved and chosen.

import { fitted } from "./joints.js";

const LANE = 34;
const RULER = 22;
const NAMES = 110;
const GRIP = 6;

/** Draws the lanes on a canvas, and tells what the pointer does on them. */
export class Timeline {
  constructor(canvas, studio) {
    Object.assign(this, { canvas, studio, first: 0, shown: 1, drag: null });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  open(duration, lanes) {
    Object.assign(this, { duration, lanes, first: 0, shown: duration });
    this.canvas.style.height = `${RULER + LANE * lanes.length + 6}px`;
  }

  x(time) {
    const width = this.canvas.clientWidth - NAMES;
    return NAMES + ((time - this.first) / this.shown) * width;
  }

  time(x) {
    const width = this.canvas.clientWidth - NAMES;
    const time = this.first + ((x - NAMES) / width) * this.shown;
    return Math.round(Math.min(Math.max(time, 0), this.duration - 1));
  }

  zoom(factor, about) {
    const shown = Math.min(Math.max(this.shown * factor, 1e9), this.duration);
    this.first = about - ((about - this.first) / this.shown) * shown;
    this.shown = shown;
    this.clamp();
  }

  /** Moves the part that is shown so that a time is within it. */
  reveal(time) {
    if (time < this.first || time > this.first + this.shown) this.first = time - this.shown / 2;
    this.clamp();
  }

  clamp() {
    this.first = Math.min(Math.max(this.first, 0), Math.max(this.duration - this.shown, 0));
  }

  draw({ intervals, proposals, chosen, time, lane, open, color }) {
    const pen = fitted(this.canvas);
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const ink = getComputedStyle(this.canvas).color;
    pen.clearRect(0, 0, w, h);
    pen.font = "12px system-ui";
    pen.textBaseline = "middle";
    this.ruler(pen, ink, w);
    this.lanes.forEach(({ id, spans }, n) => {
      const top = RULER + n * LANE;
      pen.fillStyle = ink;
      pen.globalAlpha = id === lane ? 0.14 : 0.05;
      pen.fillRect(0, top, w, LANE - 2);
      pen.globalAlpha = 0.25;
      for (const [begin, end] of spans) {
        const [left, right] = [Math.max(this.x(begin), NAMES), Math.min(this.x(end), w)];
        if (right > NAMES) pen.fillRect(left, top + LANE - 6, Math.max(right - left, 1), 3);
      }
      pen.globalAlpha = 1;
      pen.textAlign = "left";
      pen.fillText(id || "everybody", 8, top + LANE / 2, NAMES - 14);
      for (const each of proposals.filter(({ subject, start, end }) => subject === id && end >= this.first && start <= this.first + this.shown)) this.outline(pen, each, top, w, color(each.label), ink);
      const own = intervals.filter((each) => each.subject === id && each.end >= this.first && each.start <= this.first + this.shown);
      for (const each of open && open.subject === id ? [...own, { ...open, end: Math.max(time, open.start + 1) }] : own) {
        this.block(pen, each, top, w, color(each.label), each === chosen, ink);
      }
    });
    pen.fillStyle = "#e33";
    const now = this.x(time);
    if (now >= NAMES) pen.fillRect(now - 1, 0, 2, h);
  }

  block(pen, { start, end, label }, top, w, color, chosen, ink) {
    const [left, right] = [Math.max(this.x(start), NAMES), Math.min(this.x(end), w)];
    if (right <= NAMES || left >= w) return;
    pen.fillStyle = color;
    pen.fillRect(left, top + 2, Math.max(right - left - 1, 2), LANE - 11);
    if (chosen) {
      pen.strokeStyle = ink;
      pen.lineWidth = 2;
      pen.strokeRect(left + 1, top + 3, Math.max(right - left - 3, 1), LANE - 13);
    }
    if (right - left > 24) {
      pen.fillStyle = "#111";
      pen.fillText(label, left + 5, top + 2 + (LANE - 11) / 2, right - left - 8);
    }
  }

  /** A proposal: an outline, the paler the less sure. */
  outline(pen, { start, end, label, share }, top, w, color, ink) {
    const [left, right] = [Math.max(this.x(start), NAMES), Math.min(this.x(end), w)];
    if (right <= NAMES || left >= w) return;
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = 2;
    pen.setLineDash([4, 3]);
    pen.strokeRect(left + 1, top + 3, Math.max(right - left - 3, 1), LANE - 13);
    pen.setLineDash([]);
    pen.globalAlpha = 0.3 * share;
    pen.fillRect(left, top + 2, Math.max(right - left - 1, 2), LANE - 11);
    pen.globalAlpha = 1;
    pen.fillStyle = ink;
    if (right - left > 24) pen.fillText(`${label}?`, left + 5, top + 2 + (LANE - 11) / 2, right - left - 8);
  }

  ruler(pen, ink, w) {
    const step = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800].find((each) => (each * 1e9 * (w - NAMES)) / this.shown > 60) ?? 3600;
    pen.fillStyle = ink;
    pen.textAlign = "center";
    for (let at = Math.ceil(this.first / 1e9 / step) * step; at * 1e9 <= this.first + this.shown; at += step) {
      const x = this.x(at * 1e9);
      pen.globalAlpha = 0.3;
      pen.fillRect(x, RULER - 5, 1, 5);
      pen.globalAlpha = 0.8;
      pen.fillText(words(at * 1e9, step < 1 ? 1 : 0), x, RULER / 2);
    }
    pen.globalAlpha = 1;
  }

  down(event) {
    const [x, y] = [event.offsetX, event.offsetY];
    const lane = this.lanes[Math.floor((y - RULER) / LANE)];
    const time = this.time(x);
    this.canvas.setPointerCapture(event.pointerId);
    if (lane) this.studio.choose(lane.id, this.studio.intervals.at(lane.id, time));
    const chosen = this.studio.chosen;
    const near = (at) => chosen && lane && chosen.subject === lane.id && Math.abs(this.x(at) - x) <= GRIP;
    this.drag = near(chosen?.start) ? "start" : near(chosen?.end) ? "end" : "time";
    if (this.drag === "time") this.studio.go(time);
  }

  moved(event) {
    if (!this.drag) return;
    this.studio.go(this.time(event.offsetX));
  }

  up(event) {
    const { drag, studio } = this;
    this.drag = null;
    if (drag === "start" || drag === "end") studio.border(drag, this.time(event.offsetX));
  }

  wheel(event) {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.first += ((event.deltaX || event.deltaY) / this.canvas.clientWidth) * this.shown;
      this.clamp();
    } else this.zoom(Math.exp(event.deltaY / 500), this.time(event.offsetX));
    this.studio.changed();
  }
}

export function words(time, digits = 3) {
  const seconds = time / 1e9;
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}
