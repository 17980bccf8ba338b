"use strict";

// A part of a page that asks the server every few seconds whether something is new.
// Without this file, or when the server does not answer, there is a link to look again.

const EVERY = 5000; // milliseconds

function keepFresh(region) {
  const url = region.dataset.refresh;
  const phase = () => region.querySelector("[data-phase]")?.dataset.phase;
  let shown = "";
  let timer = null;
  let isOver = phase() === "over";

  function show(html) {
    const before = phase();
    const focused = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    region.replaceChildren(...fresh.childNodes);
    if (focused) [...region.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    isOver = phase() === "over";
    // Read out what has come about, not each minute that passes.
    if (phase() !== before) announce(region.querySelector("[data-news]").textContent.trim());
  }

  async function ask() {
    timer = null;
    let isAnswered = false;
    try {
      const response = await fetch(url, { redirect: "error", cache: "no-store" });
      isAnswered = response.ok;
      const html = await response.text();
      if (isAnswered && html !== shown) show(shown = html);
    } catch {
      isAnswered = false;
    }
    // Who was signed out, or lost the network, looks again by hand.
    region.classList.toggle("is-live", isAnswered && !isOver);
    if (isAnswered) wait();
  }

  function wait() {
    if (!isOver && !timer && !document.hidden) timer = setTimeout(ask, EVERY);
  }

  region.classList.add("is-live");
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    timer = null;
    if (!document.hidden && !isOver) ask();
  });
  wait();
}

document.querySelectorAll("[data-refresh]").forEach(keepFresh);
