// The newest picture, and the people in it.

import { drawLinks, drawPicture, fitted, highest } from "./joints.js";

const HIGH = 22; // of a caption
const MOST = 12; // pictures that wait for their skeletons
const SHADES = ["#6cf", "#fb6", "#9e8", "#f9c", "#fd6", "#bcf", "#f88", "#6ed"];

/** Draws pictures with the people of the same stamp: skeletons come later than their picture. */
export class View {
  constructor(canvas, changed, drawnAt) {
    Object.assign(this, { canvas, changed, drawnAt, count: 0 });
    this.clear();
  }

  clear() {
    for (const { bitmap } of this.pictures ?? []) bitmap.close();
    Object.assign(this, { pictures: [], found: null, foundAt: 0, captions: new Map(), next: null, fetching: null, last: "" });
  }

  /** A picture has come: fetches it, unless one is being fetched; then the newest one follows. */
  async picture(next) {
    this.next = next;
    if (this.fetching) return;
    const own = (this.fetching = {}); // until the view is cleared: what comes later is of another topic
    try {
      while (this.next) {
        const { topic } = this.next;
        this.next = null;
        const answer = await fetch(`/api/live/picture?topic=${encodeURIComponent(topic)}`);
        const bitmap = answer.ok ? await createImageBitmap(await answer.blob(), { imageOrientation: "none" }) : null;
        if (this.fetching !== own) return bitmap?.close();
        if (!bitmap) continue;
        this.pictures.push({ stamp: BigInt(answer.headers.get("X-Stamp")), bitmap, number: ++this.count });
        while (this.pictures.length > MOST) this.pictures.shift().bitmap.close();
        this.changed();
      }
    } catch {
      // the page says already that the studio does not answer
    } finally {
      if (this.fetching === own) this.fetching = null;
    }
  }

  people(found) {
    Object.assign(this, { found, foundAt: performance.now() });
    this.changed();
  }

  /** What each person does, to be written beside them. */
  said({ activities }, color) {
    this.captions = new Map();
    for (const { subject, label, status } of activities) {
      if (status === "stale") continue;
      const known = this.captions.get(subject) ?? { texts: [], color: "#bbb" };
      if (label) Object.assign(known, { texts: [...known.texts, label], color: color(label) });
      this.captions.set(subject, known);
    }
  }

  /** The picture of the newest skeletons, where they come; else the newest. */
  chosen() {
    const newest = this.pictures.at(-1);
    if (!newest || !this.found || performance.now() - this.foundAt > 1000) return newest;
    const stamp = BigInt(this.found.stamp);
    const far = ({ stamp: own }) => Number(own > stamp ? own - stamp : stamp - own);
    return this.pictures.reduce((best, each) => (far(each) < far(best) ? each : best));
  }

  draw() {
    const picture = this.chosen();
    const current = this.found && performance.now() - this.foundAt < 1000 ? this.found : null;
    const { width: w, height: h } = this.canvas.getBoundingClientRect();
    const drawn = `${picture?.number} ${current && this.foundAt} ${w} ${h}`; // stamps may all be 0
    if (drawn === this.last) return;
    this.last = drawn;
    const pen = fitted(this.canvas);
    pen.clearRect(0, 0, w, h);
    if (picture) drawPicture(pen, picture.bitmap, w, h);
    if (current) this.figures(pen, current, w, h);
    if (!picture && !current) {
      pen.fillStyle = "#9aa";
      pen.textAlign = "center";
      pen.font = "16px system-ui";
      pen.fillText("nothing to see yet", w / 2, h / 2);
    }
    if (picture) this.drawnAt("pictures", picture.stamp);
    if (current) this.drawnAt("people", current.stamp);
  }

  figures(pen, { size, people }, w, h) {
    const [wide, high, left, top] = size[0] && size[1] ? [size[0], size[1], 0, 0] : around(people);
    const scale = Math.min(w / wide, h / high);
    const place = (x, y) => [w / 2 + (x - left - wide / 2) * scale, h / 2 + (y - top - high / 2) * scale];
    const captions = [];
    people.forEach(({ id, joints, links }, n) => {
      const shade = SHADES[number(id, n) % SHADES.length];
      const joint = (k) => (joints[3 * k + 2] > 0 ? place(joints[3 * k], joints[3 * k + 1]) : null);
      for (const [style, width] of [["#0009", 6], [shade, 3]]) {
        pen.strokeStyle = style;
        pen.lineWidth = width;
        pen.lineCap = "round";
        drawLinks(pen, links, joint);
      }
      const top = highest(joints, joint);
      if (top) this.caption(pen, id, top, shade, w, captions);
    });
  }

  /** Writes above somebody, whose highest joint is at a place, who it is and what they do; others' captions stay free. */
  caption(pen, id, [x, y], shade, w, others) {
    const { texts, color } = this.captions.get(id) ?? { texts: [], color: shade };
    const text = [id || "?", ...texts].join(" · ");
    pen.font = "600 14px system-ui";
    const wide = pen.measureText(text).width + 12;
    const at = Math.min(Math.max(x - wide / 2, 0), Math.max(w - wide, 0));
    const top = freeTop(at, wide, Math.max(y - 38, 0), others);
    others.push({ at, wide, top });
    pen.fillStyle = texts.length ? color : "#ccc";
    pen.fillRect(at, top, wide, HIGH);
    pen.fillStyle = "#111";
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(text, at + 6, top + 11);
  }
}

/** The nearest height above, else below, at which a caption covers no other one. */
function freeTop(at, wide, top, others) {
  const beside = others.filter((other) => other.at < at + wide && at < other.at + other.wide);
  const free = (height) => height >= 0 && beside.every((other) => Math.abs(other.top - height) >= HIGH + 2);
  const above = beside.map((other) => other.top - HIGH - 2).filter((height) => height < top);
  const below = beside.map((other) => other.top + HIGH + 2).sort((a, b) => a - b);
  return [top, ...above.sort((a, b) => b - a), ...below].find(free) ?? top;
}

/** The number at the end of an id, so that a person keeps the shade. */
function number(id, n) {
  const found = /\d+$/.exec(id);
  return found ? Number(found[0].slice(-6)) : n;
}

/** Width, height, left and top of a box around all joints, with room. */
function around(people) {
  const xs = [];
  const ys = [];
  for (const { joints } of people) {
    for (let k = 0; k < joints.length; k += 3) if (joints[k + 2] > 0) xs.push(joints[k]) && ys.push(joints[k + 1]);
  }
  if (!xs.length) return [1, 1, 0, 0];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const room = 0.15 * Math.max(right - left, bottom - top, 1e-6);
  return [right - left + 2 * room, bottom - top + 2 * room, left - room, top - room];
}
