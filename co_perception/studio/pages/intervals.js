// Intervals of one recording with undo: what is drawn, and what is written. Times are nanoseconds since its first pose.

/** Annotations, in lanes by subject; those of one lane and group never overlap. */
export class Intervals {
  constructor(found) {
    this.all = found;
    this.before = [];
    this.after = [];
    this.changes = 0;
  }

  /** Replaces the annotations by what `change` makes of a copy; can be undone. */
  apply(change) {
    const next = change(this.all.map((each) => ({ ...each })));
    if (JSON.stringify(next) === JSON.stringify(this.all)) return false;
    this.before.push(this.all);
    this.after = [];
    this.all = sorted(next);
    this.changes += 1;
    return true;
  }

  undo() {
    return this.step(this.before, this.after);
  }

  redo() {
    return this.step(this.after, this.before);
  }

  step(from, to) {
    if (!from.length) return false;
    to.push(this.all);
    this.all = from.pop();
    this.changes += 1;
    return true;
  }

  /** Adds an interval; what it covers of its lane gives way. */
  add(given) {
    return this.apply((all) => [...all.flatMap((each) => without(each, given)), given]);
  }

  /** Adds several as one change. */
  addAll(given) {
    return this.apply((all) => given.reduce((found, next) => [...found.flatMap((each) => without(each, next)), next], all));
  }

  /** Moves the borders of an interval; others of its lane give way. */
  move(old, start, end) {
    if (end <= start) return false;
    const moved = { ...old, start, end };
    return this.apply((all) => [...all.filter((each) => !same(each, old)).flatMap((each) => without(each, moved)), moved]);
  }

  remove(old) {
    return this.apply((all) => all.filter((each) => !same(each, old)));
  }

  /** Two intervals instead of one, where `at` lies within it. */
  split(old, at) {
    if (at <= old.start || at >= old.end) return false;
    return this.apply((all) => all.flatMap((each) => (same(each, old) ? [{ ...old, end: at }, { ...old, start: at }] : [each])));
  }

  /** The interval of a lane at a time. */
  at(subject, time) {
    return this.all.find((each) => each.subject === subject && each.start <= time && time < each.end);
  }

  get labels() {
    return [...new Set(this.all.map((each) => each.label))];
  }
}

export function same(one, other) {
  return Boolean(one && other) && ["start", "end", "label", "subject", "group"].every((name) => one[name] === other[name]);
}

/** What of an interval another one of the same lane and group leaves. */
function without(each, other) {
  const apart = each.subject !== other.subject || each.group !== other.group || each.end <= other.start || each.start >= other.end;
  if (apart) return [each];
  const parts = [{ ...each, end: other.start }, { ...each, start: other.end }];
  return parts.filter((part) => part.start < part.end);
}

function sorted(all) {
  return all.sort((one, other) => one.start - other.start || (one.subject < other.subject ? -1 : 1));
}

export const RECORDED = "studio recording"; // in the browser's store: what the page Live was told last

/** These labels with the numbers that they had while they were recorded here, and the others that were offered then. */
export function numbered(labels) {
  try {
    const offered = labelsOf(JSON.parse(localStorage.getItem(RECORDED) ?? "{}").labels ?? "");
    return labels.length && labels.every((label) => offered.includes(label)) ? offered : labels;
  } catch {
    return labels; // what was stored by another version is of no use
  }
}

/** The labels of a text with commas between them, each once. */
export const labelsOf = (text) => [...new Set(text.split(",").map((label) => label.trim()).filter(Boolean))];
