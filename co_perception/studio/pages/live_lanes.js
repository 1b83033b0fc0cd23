// What was said of each person in the last minute, and the scores of one of them.

import { fitted } from "./joints.js";

const SHOWN_S = 60;
const LANE = 30;
const NAMES = 110; // width of names; on narrow screens a quarter
const EVERY_MS = 150; // between two drawings: a minute on a screen moves by less than a pixel or two
const GAP_S = 1.2; // between two answers, from which on nothing was said
const MOST_SPANS = 2000;
const MOST_LANES = 12;

/** Lanes by subject and group; each has spans of one status and label, and the scores of its best classes. */
export class Lanes {
  constructor(canvas, scores, changed, color) {
    Object.assign(this, { canvas, scores, changed, color, lanes: new Map(), chosen: null, newest: 0, cameAt: 0, drawnAt: 0, threshold: null });
    canvas.addEventListener("click", (event) => {
      this.chosen = [...this.lanes.keys()][Math.floor(event.offsetY / LANE)] ?? this.chosen;
      this.changed();
    });
  }

  limits({ threshold }) {
    this.threshold = threshold;
    this.changed();
  }

  add({ stamp, activities }) {
    const at = Number(BigInt(stamp) / 1000n) / 1e6;
    if (at < this.newest - 5) this.lanes.clear(); // the stamps were set back: another recording is played
    this.newest = Math.max(at, at < this.newest - 5 ? 0 : this.newest);
    this.cameAt = performance.now();
    for (const each of activities) {
      const key = JSON.stringify([each.subject, each.group]);
      if (!this.lanes.has(key) && !this.room(at)) continue;
      if (!this.lanes.has(key)) this.lanes.set(key, { name: [each.subject || "scene", each.group].filter(Boolean).join(" "), spans: [], scores: [] });
      const lane = this.lanes.get(key);
      this.extend(lane.spans, at, each);
      lane.scores.push([at, each.status === "valid" || each.status === "uncertain" ? each.best : []]);
    }
    const begin = this.newest - SHOWN_S;
    for (const [key, lane] of this.lanes) {
      lane.spans = lane.spans.filter(({ end }) => end > begin).slice(-MOST_SPANS);
      lane.scores = lane.scores.filter(([when]) => when > begin).slice(-MOST_SPANS);
      if (!lane.spans.length) this.lanes.delete(key);
    }
    if (!this.lanes.has(this.chosen)) this.chosen = this.lanes.keys().next().value ?? null;
  }

  /** Whether there is room for one more lane: the one that is silent for longest goes, if nobody is told of in it now. */
  room(at) {
    if (this.lanes.size < MOST_LANES) return true;
    const end = (key) => this.lanes.get(key).spans.at(-1).end;
    const silent = [...this.lanes.keys()].reduce((one, other) => (end(other) < end(one) ? other : one));
    return at - end(silent) > GAP_S && this.lanes.delete(silent);
  }

  extend(spans, at, { status, label, progress, best }) {
    const last = spans.at(-1);
    const text = label || (status === "uncertain" && best.length ? `${best[0][0]}?` : "");
    const close = last && at - last.end < GAP_S && at > last.end;
    if (close) last.end = at;
    if (close && last.status === status && last.text === text) last.progress = progress;
    else spans.push({ start: at, end: at + 0.03, status, text, label, began: progress, progress });
  }

  /** The time that is at the right border. */
  get now() {
    return this.newest + Math.min((performance.now() - this.cameAt) / 1000, SHOWN_S);
  }

  draw() {
    if (performance.now() - this.drawnAt < EVERY_MS) return;
    this.drawnAt = performance.now();
    const high = Math.max(this.lanes.size, 1) * LANE + 18;
    if (this.canvas.style.height !== `${high}px`) this.canvas.style.height = `${high}px`;
    if (!this.canvas.clientWidth) return; // hidden, as on a phone that records
    const pen = fitted(this.canvas);
    const { clientWidth: w } = this.canvas;
    const ink = getComputedStyle(this.canvas).color;
    const now = this.now;
    const names = Math.min(NAMES, w / 4);
    const x = (time) => names + ((time - now) / SHOWN_S + 1) * (w - names);
    pen.clearRect(0, 0, w, high);
    pen.font = "12px system-ui";
    pen.textBaseline = "middle";
    [...this.lanes].forEach(([key, lane], n) => this.lane(pen, lane, n * LANE, w, x, ink, key === this.chosen));
    this.ruler(pen, x, now, high - 18, ink);
    this.chart(ink, now);
  }

  lane(pen, { name, spans }, top, w, x, ink, chosen) {
    const names = Math.min(NAMES, w / 4);
    pen.globalAlpha = chosen ? 0.14 : 0.05;
    pen.fillStyle = ink;
    pen.fillRect(0, top, w, LANE - 2);
    pen.globalAlpha = 1;
    pen.textAlign = "left";
    pen.fillText(name, 8, top + LANE / 2 - 1, names - 14);
    pen.save();
    pen.beginPath();
    pen.rect(names, top, w - names, LANE);
    pen.clip();
    for (const span of spans) this.span(pen, span, top + 2, x(span.start), x(span.end), ink, names);
    pen.restore();
  }

  span(pen, { status, text, label, began, progress }, top, left, right, ink, names) {
    const [wide, high] = [Math.max(right - left, 1), LANE - 6];
    if (status === "valid") {
      pen.fillStyle = this.color(label);
      pen.fillRect(left, top, wide, high);
    } else if (status === "uncertain") hatch(pen, left, top, wide, high);
    else if (status === "warming up") {
      pen.fillStyle = "#8889";
      pen.beginPath();
      pen.moveTo(left, top + high);
      pen.lineTo(left, top + high * (1 - began));
      pen.lineTo(left + wide, top + high * (1 - progress));
      pen.lineTo(left + wide, top + high);
      pen.fill();
    } else {
      pen.strokeStyle = "#888";
      pen.lineWidth = 1;
      pen.setLineDash([3, 3]);
      pen.strokeRect(left + 0.5, top + 0.5, wide - 1, high - 1);
      pen.setLineDash([]);
    }
    if (wide < 30 || !text) return;
    pen.fillStyle = status === "valid" ? "#111" : ink;
    const from = Math.max(left, names) + 5;
    if (right - from > 20) pen.fillText(text, from, top + high / 2, right - from - 4);
  }

  ruler(pen, x, now, top, ink) {
    pen.fillStyle = ink;
    pen.textAlign = "center";
    pen.globalAlpha = 0.7;
    for (let back = 0; back < SHOWN_S; back += 10) {
      if (back) pen.fillText(`−${back} s`, x(now - back), top + 9);
    }
    pen.globalAlpha = 1;
  }

  /** Scores of the best classes of the chosen lane. */
  chart(ink, now) {
    if (!this.scores.clientWidth) return;
    const pen = fitted(this.scores);
    const { clientWidth: w, clientHeight: h } = this.scores;
    pen.clearRect(0, 0, w, h);
    const names = Math.min(NAMES, w / 4);
    const x = (time) => names + ((time - now) / SHOWN_S + 1) * (w - names);
    const y = (score) => h - 6 - score * (h - 16);
    pen.font = "12px system-ui";
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = pen.strokeStyle = ink;
    for (const level of [0, 0.5, 1]) {
      pen.globalAlpha = 0.2;
      pen.fillRect(names, y(level), w - names, 1);
      pen.globalAlpha = 0.7;
      pen.fillText(level.toFixed(1), names - 6, y(level));
    }
    pen.globalAlpha = 1;
    if (this.threshold > 0) {
      pen.setLineDash([6, 4]);
      pen.beginPath();
      pen.moveTo(names, y(this.threshold));
      pen.lineTo(w, y(this.threshold));
      pen.stroke();
      pen.setLineDash([]);
    }
    const lane = this.lanes.get(this.chosen);
    if (!lane) return;
    pen.textAlign = "left";
    pen.fillText(lane.name, 8, 10, names - 40);
    pen.save();
    pen.beginPath();
    pen.rect(names, 0, w - names, h);
    pen.clip();
    const lines = new Map();
    for (const [when, best] of lane.scores) {
      for (const [label, score] of best) {
        if (!lines.has(label)) lines.set(label, []);
        lines.get(label).push([when, score]);
      }
    }
    const last = new Map(lane.scores.at(-1)?.[1] ?? []);
    for (const [label, points] of lines) this.line(pen, label, points, x, y);
    pen.restore();
    const best = [...last].slice(0, 3);
    best.forEach(([label, score], n) => {
      pen.fillStyle = this.color(label);
      pen.fillText(`${score.toFixed(2)} ${label}`, 8, 30 + 17 * n, names - 36);
    });
  }

  line(pen, label, points, x, y) {
    pen.strokeStyle = this.color(label);
    pen.lineWidth = 2;
    pen.beginPath();
    let before = -Infinity;
    for (const [when, score] of points) {
      if (when - before > GAP_S) pen.moveTo(x(when), y(score));
      else pen.lineTo(x(when), y(score));
      before = when;
    }
    pen.stroke();
  }
}

function hatch(pen, left, top, wide, high) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, wide, high);
  pen.clip();
  pen.strokeStyle = "#888";
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let at = Math.floor((left - high) / 7) * 7; at < left + wide; at += 7) {
    pen.moveTo(at, top + high);
    pen.lineTo(at + high, top);
  }
  pen.stroke();
  pen.restore();
}
