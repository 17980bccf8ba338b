"use strict";

// Swagger UI has a dark style, and leaves it to the page to ask for it.
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

// What Swagger UI leaves without a name, at a level that skips one, or out of a keyboard's reach.
{
  const name = (part, role, label) => {
    part.setAttribute("role", role);
    part.setAttribute("aria-label", label);
  };
  const mend = {
    h3: (heading) => heading.setAttribute("aria-level", "2"),
    h4: (heading) => heading.setAttribute("aria-level", "3"),
    h5: (heading) => heading.setAttribute("aria-level", "4"),
    ".information-container": (part) => name(part, "region", "About the API"),
    ".dialog-ux": (part) => name(part, "dialog", "Authorize"),
    ".close-modal": (button) => button.setAttribute("aria-label", "Close"),
    "pre.microlight": (pre) => (pre.tabIndex = 0),
    "table.responses-table": (table) => table.setAttribute("aria-label", table.id.replaceAll("_", " ")),
  };
  const mendAll = () => Object.entries(mend).forEach(([selector, act]) => document.querySelectorAll(selector).forEach(act));
  // Attributes are not watched, so that what is mended here is no reason to come back.
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(mendAll).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
  });
}
