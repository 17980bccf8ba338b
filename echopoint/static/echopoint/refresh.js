"use strict";

// A part of a page that htmx asks the server for every few seconds. Without scripts, or
// when the server does not answer, there is a link to look again.

const phaseOf = (region) => region.querySelector("[data-phase]")?.dataset.phase;
let focused = null;

// The step before the part that refreshes is done once the new key arrives.
function settle(phase) {
  const step = document.querySelector("[data-updating]");
  if (!step || phase === "waiting") return;
  step.classList.replace("step-current", "step-done");
  step.removeAttribute("aria-current");
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  // Who was signed out is answered with another page, which has no place here.
  const isAnswered = new URL(xhr.responseURL).pathname === target.getAttribute("hx-get");
  event.detail.shouldSwap = isAnswered && (xhr.status === 200 || xhr.status === 286);
  target.classList.toggle("is-live", isAnswered && xhr.status === 200);
  target.dataset.before = phaseOf(target);
  focused = target.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = event.detail;
  if (focused) [...target.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  localize(target);
  settle(phaseOf(target));
  // Read out what has come about, not each minute that passes.
  if (phaseOf(target) !== target.dataset.before) announce(target.querySelector("[data-news]").textContent.trim());
});

document.addEventListener("htmx:sendError", (event) => event.detail.target.classList.remove("is-live"));
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[hx-get]").forEach((region) => region.classList.add("is-live"));
});
