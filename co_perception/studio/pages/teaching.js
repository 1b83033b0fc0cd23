// Teaching on the page of annotations: what is marked becomes a gallery, again after each change once it was asked for.

import { ask, by, say } from "./elements.js";
import { saidOf } from "./taught.js";

const words = by("taught");
let on = false;
let running = false;
let again = false;

/** Makes the gallery of what all recordings of the studio show now. */
async function teach() {
  if (running) {
    again = true;
    return;
  }
  running = on = true;
  by("teach").disabled = true;
  try {
    const recordings = await ask("/api/recordings");
    const shown = recordings.map(({ intervals }, n) => (intervals ? n : -1)).filter((n) => n >= 0);
    if (!shown.length) throw new Error("mark an activity a few times: each interval is one show");
    if (!words.hasChildNodes()) say(words, "The first gallery loads the network, which takes some seconds …");
    words.classList.remove("error");
    const name = by("gallery").value;
    words.replaceChildren(...saidOf(await ask("/api/gallery", { name, recordings: shown }), `gallery/${name}`));
  } catch (error) {
    say(words, error.message, true);
  } finally {
    running = false;
    by("teach").disabled = false;
    if (again) {
      again = false;
      teach();
    }
  }
}

by("teaching").addEventListener("submit", (event) => {
  event.preventDefault();
  by("view").focus(); // so that keys mean what they mean there
  teach();
});
new MutationObserver(() => on && by("state").textContent === "saved" && teach()).observe(by("state"), { childList: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "t" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, select")) teach();
});
