// Joints of a recording, loaded in parts as they are needed, and drawn as figures.

const PART = 10e9;
const MOST_PARTS = 12;
const OLD = 0.5e9; // a pose is drawn for so long after its stamp, if none follows

/** Poses by person and stamp. */
export class Joints {
  constructor(number, loaded) {
    Object.assign(this, { number, loaded, parts: new Map() });
  }

  /** The part of the recording with a time; null while it is on its way. */
  part(time) {
    const place = Math.max(Math.floor(time / PART), 0);
    if (!this.parts.has(place)) {
      this.parts.set(place, null);
      const query = `begin=${place * PART}&end=${(place + 1) * PART}`;
      fetch(`/api/recordings/${this.number}/frames?${query}`)
        .then((answer) => answer.json())
        .then((found) => {
          this.parts.set(place, found);
          this.loaded();
        })
        .catch(() => this.parts.delete(place));
      for (const old of [...this.parts.keys()].slice(0, -MOST_PARTS)) this.parts.delete(old);
    }
    return this.parts.get(place);
  }

  /** Each person's newest pose at a time. */
  at(time) {
    return (this.part(time) ?? []).flatMap((person) => {
      const place = last(person.stamps, time);
      return place < 0 || time - person.stamps[place] > OLD ? [] : [{ ...person, points: person.joints[place] }];
    });
  }

  /** The next stamp of anybody after a time, or the one before it; null where none is loaded. */
  neighbor(time, direction) {
    const near = [this.part(time), this.part(time + direction * PART)].flatMap((part) => part ?? []);
    const stamps = near.flatMap((person) => person.stamps).filter((stamp) => (stamp - time) * direction > 0);
    if (!stamps.length) return null;
    return direction > 0 ? Math.min(...stamps) : Math.max(...stamps);
  }
}

function last(stamps, time) {
  let low = 0;
  let high = stamps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stamps[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Draws figures, in the picture where there is one: its bitmap, and the box [left, top, width, height] that it fills. */
export function draw(canvas, people, height, chosen, color, picture = null) {
  const pen = fitted(canvas);
  const { width: w, height: h } = canvas.getBoundingClientRect();
  pen.clearRect(0, 0, w, h);
  const [left, top, wide, high] = picture?.box[2] ? picture.box : [-40, -40, 1080, 1000 * height + 80];
  const scale = Math.min(w / wide, h / high);
  const place = (x, y) => [w / 2 + (x - left - wide / 2) * scale, h / 2 + (y - top - high / 2) * scale];
  if (picture?.bitmap) drawPicture(pen, picture.bitmap, w, h);
  for (const { id, links, points } of people) {
    pen.strokeStyle = pen.fillStyle = color(id);
    pen.globalAlpha = chosen === "" || chosen === id ? 1 : 0.45;
    pen.lineWidth = Math.max(w / 250, 2);
    const joint = (n) => (points[3 * n + 2] > 0 ? place(points[3 * n], points[3 * n + 1]) : null);
    drawLinks(pen, links, joint);
    const top = highest(points, joint);
    if (!top) continue;
    pen.font = "600 14px system-ui";
    pen.textAlign = "center";
    pen.fillText(id || "?", top[0], top[1] - 10);
  }
  pen.globalAlpha = 1;
}

/** Draws lines between joints; `joint` gives the place of one by its number, null where it was not found. */
export function drawLinks(pen, links, joint) {
  for (const [one, other] of links) {
    const [from, to] = [joint(one), joint(other)];
    if (!from || !to) continue;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }
}

/** The place of the joint that is highest in the picture; undefined where none was found. */
export function highest(points, joint) {
  const found = [...Array(points.length / 3).keys()].map(joint).filter(Boolean);
  return found.sort((one, other) => one[1] - other[1])[0];
}

/** Draws a picture as large as it fits. */
export function drawPicture(pen, bitmap, w, h) {
  const scale = Math.min(w / bitmap.width, h / bitmap.height);
  const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
  pen.drawImage(bitmap, (w - wide) / 2, (h - high) / 2, wide, high);
}

/** The pen of a canvas whose pixels are those of the screen. */
export function fitted(canvas) {
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}
