// A command that is wrapped is told from the next one, and a figure is opened alone, where a phone can zoom it.

for (const block of document.querySelectorAll("article .highlight-none pre")) {
  const lines = block.textContent.replace(/\n$/, "").split("\n");
  block.replaceChildren(
    ...lines.map((line) => Object.assign(document.createElement("span"), { className: "command", textContent: `${line}\n` })),
  );
}
for (const figure of document.querySelectorAll("article img")) {
  if (figure.closest("a")) continue;
  const link = Object.assign(document.createElement("a"), { href: figure.src, title: "the figure alone" });
  figure.replaceWith(link);
  link.append(figure);
}
