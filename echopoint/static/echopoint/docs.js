"use strict";

// Swagger UI has a dark mode, but the page must set its class.
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

// Accessibility fixes: Swagger UI omits labels, skips heading levels, and leaves scrollable
// elements unreachable by keyboard.
{
  const name = (part, role, label) => {
    part.setAttribute("role", role);
    part.setAttribute("aria-label", label);
  };
  const fixes = {
    h3: (heading) => heading.setAttribute("aria-level", "2"),
    h4: (heading) => heading.setAttribute("aria-level", "3"),
    h5: (heading) => heading.setAttribute("aria-level", "4"),
    ".information-container": (part) => name(part, "region", "About the API"),
    ".dialog-ux": (part) => name(part, "dialog", "Authorize"),
    ".close-modal": (button) => button.setAttribute("aria-label", "Close"),
    "pre.microlight": (pre) => (pre.tabIndex = 0),
    "table.responses-table": (table) => table.setAttribute("aria-label", table.id.replaceAll("_", " ")),
  };
  const fixAll = () => Object.entries(fixes).forEach(([selector, act]) => document.querySelectorAll(selector).forEach(act));
  // Attributes are not observed, so that these fixes do not trigger the observer again.
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(fixAll).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
  });
}
