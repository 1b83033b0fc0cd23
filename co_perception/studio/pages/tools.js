// Buttons for what the keys of the page of annotations do, for those who have no keys at hand.

import { by } from "./elements.js";

for (const button of by("tools").querySelectorAll("button")) {
  button.addEventListener("click", () => {
    const { key, control, shift } = button.dataset;
    by("view").focus();
    by("view").dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: control === "1", shiftKey: shift === "1", bubbles: true }));
  });
}
