// <form data-period>: who enters a day means a period of their own.
"use strict";

document.querySelectorAll("form[data-period]").forEach((form) => {
  const period = form.elements.namedItem("period");
  ["from", "to"].forEach((name) => {
    form.elements.namedItem(name).addEventListener("input", () => { period.value = "own"; });
  });
});
