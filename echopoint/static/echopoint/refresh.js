"use strict";

// The rotation fragment, which htmx polls every few seconds. Without scripts, or while the
// server does not respond, the page shows a link to reload.

const phaseOf = (region) => region.querySelector("[data-phase]")?.dataset.phase;
const progressOf = (region) => region.querySelector("[data-progress]")?.dataset.progress ?? "";
let focused = null;

// Updates the step before the fragment: its progress and whether it is done.
function updateStep(region) {
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
  // After a sign-out the response is the sign-in page, which must not be inserted.
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
  updateStep(target);
  // Announce changes only, not each passing minute.
  if (phaseOf(target) + progressOf(target) !== target.dataset.before) announce(`${progressOf(target)} ${target.querySelector("[data-news]").textContent.trim()}`.trim());
});

document.addEventListener("htmx:sendError", (event) => event.detail.target.classList.remove("is-live"));
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[hx-get]").forEach((region) => region.classList.add("is-live"));
});
