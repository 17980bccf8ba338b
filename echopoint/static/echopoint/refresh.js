"use strict";

// A part of a page that htmx asks the server for every few seconds. Without scripts, or
// when the server does not answer, there is a link to look again.

const phaseOf = (region) => region.querySelector("[data-phase]")?.dataset.phase;
const progressOf = (region) => region.querySelector("[data-progress]")?.dataset.progress ?? "";
let focused = null;

// The step before the part that refreshes: how many places have moved, and its tick.
function settle(region) {
  const step = document.querySelector("[data-updating]");
  const isUpdated = region.querySelector("[data-updated]")?.dataset.updated;
  if (!step || !isUpdated) return;
  step.querySelector("[data-progress-shown]").textContent = progressOf(region);
  step.classList.toggle("step-done", isUpdated === "true");
  step.classList.toggle("step-current", isUpdated !== "true");
  if (isUpdated === "true") step.removeAttribute("aria-current");
  else step.setAttribute("aria-current", "step");
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
  target.dataset.before = phaseOf(target) + progressOf(target);
  focused = target.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = event.detail;
  if (focused) [...target.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  localize(target);
  settle(target);
  // Read out what has come about, not each minute that passes.
  if (phaseOf(target) + progressOf(target) !== target.dataset.before) announce(`${progressOf(target)} ${target.querySelector("[data-news]").textContent.trim()}`.trim());
});

document.addEventListener("htmx:sendError", (event) => event.detail.target.classList.remove("is-live"));
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[hx-get]").forEach((region) => region.classList.add("is-live"));
});
