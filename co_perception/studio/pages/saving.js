// Saving: each change is written to the recording's file, and kept in the browser until the file has it.

const WAIT_MS = 250;

/** Writes the intervals of a recording after each change; `name` tells it from all others of this browser. */
export class Saving {
  constructor(number, name, version, tell) {
    Object.assign(this, { number, version, tell, waiting: null, running: false, again: false, broken: false });
    this.key = `studio ${name}`;
  }

  /** What a browser that was killed had not written, if the file is still the one that was changed. */
  lost() {
    try {
      const left = JSON.parse(localStorage.getItem(this.key) ?? "null");
      return left && left.version === this.version ? left.intervals : null;
    } catch {
      return null;
    }
  }

  /** Keeps what is not written yet; a browser whose storage is full still has it written. */
  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify({ version: this.version, intervals: this.intervals }));
    } catch {
      localStorage.removeItem(this.key);
    }
  }

  later(intervals) {
    this.intervals = intervals;
    this.keep();
    if (this.broken) return;
    this.tell("…");
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.write(), WAIT_MS);
  }

  async write() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    const sent = this.intervals;
    try {
      const body = JSON.stringify({ version: this.version, intervals: sent });
      const answer = await fetch(`/api/recordings/${this.number}/intervals`, { method: "PUT", body });
      const found = await answer.json();
      if (!answer.ok) {
        this.broken = answer.status === 409;
        throw new Error(found.error);
      }
      this.version = found.version;
      if (sent === this.intervals) {
        localStorage.removeItem(this.key);
        this.tell("saved");
      } else {
        this.keep();
      }
    } catch (error) {
      this.tell(`not saved: ${error.message}`, true);
      if (!this.broken) this.waiting = setTimeout(() => this.write(), 8 * WAIT_MS);
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        this.write();
      }
    }
  }
}
