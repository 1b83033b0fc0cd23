// Exports: the annotations of the recording, as they are saved, as a file of another program.

import { by, el, say } from "./elements.js";

for (const button of by("exports").querySelectorAll("button")) {
  button.addEventListener("click", async () => {
    const { ending } = button.dataset;
    const { value, selectedOptions } = by("recording");
    try {
      const answer = await fetch(`/api/recordings/${value}/export/${ending}`);
      if (!answer.ok) throw new Error((await answer.json()).error);
      const address = URL.createObjectURL(await answer.blob());
      el("a", { href: address, download: `${selectedOptions[0].textContent}.${ending}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
      say(by("exported"), "");
    } catch (error) {
      say(by("exported"), error.message, true);
    }
  });
}
