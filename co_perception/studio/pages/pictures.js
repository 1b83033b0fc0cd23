// Pictures of a recording: the newest one that was asked for, one request at a time.

/** The picture at the present moment, as far as it has come. */
export class Pictures {
  constructor(number, loaded) {
    Object.assign(this, { number, loaded, bitmap: null, why: "", asked: null, wanted: null, running: false });
  }

  /** The newest picture that has come; asks for the one of this time. */
  at(time) {
    if (time !== this.asked) {
      this.wanted = time;
      this.next();
    }
    return this.bitmap;
  }

  async next() {
    if (this.running || this.wanted === null) return;
    this.running = true;
    this.asked = this.wanted;
    this.wanted = null;
    try {
      const answer = await fetch(`/api/recordings/${this.number}/picture?time=${this.asked}`);
      const found = answer.status === 200 ? await createImageBitmap(await answer.blob(), { imageOrientation: "none" }) : null;
      this.why = found ? "" : decodeURIComponent(answer.headers.get("X-Why") ?? "");
      this.bitmap?.close();
      this.bitmap = found;
    } catch (error) {
      this.why = error.message;
    } finally {
      this.running = false;
    }
    this.loaded();
    this.next();
  }
}
