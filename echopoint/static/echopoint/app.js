"use strict";

// Progressive enhancement: every page works without this file.

document.documentElement.classList.add("js");

const all = (selector) => document.querySelectorAll(selector);

function announce(text) {
  const announcer = document.querySelector("[data-announcer]");
  // Cleared first, so that screen readers repeat an identical text.
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50);
}

function visibleLabel(button) {
  return button.firstChild;
}

// Masks the secret until it is shown, and removes it when the page is left.
function guardSecret(field) {
  let secret = field.value;
  const masked = field.dataset.mask.replace("…", "•".repeat(secret.length - field.dataset.mask.length + 1));
  const show = document.querySelector(`[data-show="${field.id}"]`);
  const section = field.closest("[data-unsaved-secret]");
  let unsaved = true;

  const reveal = (isShown) => {
    field.value = isShown ? secret : masked;
    visibleLabel(show).textContent = isShown ? "Hide" : "Show";
    field.classList.toggle("is-shown", isShown);
  };
  reveal(false);
  field.defaultValue = masked;
  field.classList.add("is-guarded");

  show.addEventListener("click", () => {
    reveal(!field.classList.contains("is-shown"));
    announce(field.classList.contains("is-shown") ? "The secret is shown." : "The secret is hidden.");
  });
  // Copying the whole mask copies the secret.
  field.addEventListener("copy", (event) => {
    event.preventDefault();
    const selected = field.value.slice(field.selectionStart, field.selectionEnd);
    event.clipboardData.setData("text/plain", selected === masked ? secret : selected);
    if (selected.length === secret.length) unsaved = false;
  });
  field.addEventListener("focus", () => field.select());
  section.querySelector("[data-stored]").addEventListener("click", () => { unsaved = false; });
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  // The back-forward cache may store the page, so the secret is removed from it.
  addEventListener("pagehide", () => {
    secret = "";
    field.value = "The secret was shown once and is not shown again.";
    section.querySelectorAll("[data-copy], [data-show]").forEach((button) => button.remove());
  });
  return { text: () => secret, copied: () => { unsaved = false; } };
}

function selectAll(element) {
  if (element.select) {
    element.focus();
    element.select();
  } else {
    getSelection().selectAllChildren(element);
  }
}

async function copy(button, guard) {
  const source = document.getElementById(button.dataset.copy);
  const isSecret = Boolean(guard) && source.matches("[data-mask]");
  const label = visibleLabel(button);
  let isCopied = true;
  try {
    await navigator.clipboard.writeText(isSecret ? guard.text() : source.textContent);
  } catch {
    // The clipboard API needs HTTPS or localhost; fall back to execCommand.
    selectAll(source);
    isCopied = document.execCommand("copy");
  }
  if (isCopied && isSecret) guard.copied();
  button.classList.toggle("is-done", isCopied);
  label.textContent = isCopied ? "Copied" : "Press Ctrl+C";
  announce(isCopied ? "Copied to the clipboard." : "Not copied. The text is selected: press Ctrl+C.");
  setTimeout(() => {
    label.textContent = "Copy";
    button.classList.remove("is-done");
  }, 2500);
}

// The browser would show the response to a second submission, which has no secret.
function submitOnce(form) {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) return event.preventDefault();
    isSent = true;
    form.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => {
    isSent = false;
    form.removeAttribute("aria-busy");
  });
}

function summarize(scopes) {
  if (!scopes.length) return "No scopes yet. Choose a preset, or tick scopes.";
  return `${scopes.length} scope${scopes.length === 1 ? "" : "s"}: ${scopes.join(", ")}`;
}

function pickScopes(form) {
  const boxes = [...form.querySelectorAll("input[name=scopes]")];
  const presets = [...form.querySelectorAll("button[name=preset]")];
  const summary = form.querySelector("[data-scope-summary]");

  const update = () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    summary.textContent = summarize(chosen);
    for (const preset of presets) {
      const scopes = preset.dataset.scopes.split(" ");
      const isChosen = scopes.length === chosen.length && scopes.every((scope) => chosen.includes(scope));
      preset.setAttribute("aria-pressed", String(isChosen));
    }
  };
  for (const preset of presets) {
    preset.addEventListener("click", (event) => {
      event.preventDefault();
      const scopes = preset.dataset.scopes.split(" ");
      boxes.forEach((box) => { box.checked = scopes.includes(box.value); });
      update();
    });
  }
  form.addEventListener("change", update);
  // The browser may have restored the checkboxes.
  addEventListener("pageshow", update);
}

// Counts the selected keys and keeps the button visible.
function countSelection(form) {
  const every = document.querySelector("[data-select-all]");
  const boxes = [...form.elements].filter((field) => field.type === "checkbox" && field !== every);
  const note = form.querySelector("[data-selected]");
  const bar = note.closest(".selection");

  const update = () => {
    const count = boxes.filter((box) => box.checked).length;
    bar.classList.toggle("is-active", count > 0);
    note.textContent = count ? `${count} selected.` : "";
    every.checked = count > 0 && count === boxes.length;
    every.indeterminate = count > 0 && count < boxes.length;
  };
  every.addEventListener("change", () => {
    boxes.forEach((box) => { box.checked = every.checked; });
    update();
  });
  boxes.forEach((box) => box.addEventListener("change", update));
  addEventListener("pageshow", update);
}

document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector("[data-mask]");
  const guard = field && guardSecret(field);
  all("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button, guard)));
  all("form[data-submit-once]").forEach(submitOnce);
  all("form:has([data-scope-summary])").forEach(pickScopes);
  all("form:has([data-selected])").forEach(countSelection);
});

// Times on the page are in UTC. The reader's local time is added before it. Local time
// alone could show another day than a colleague's page or a log.
const UTC_IN_WORDS = /(\d{1,2} \p{L}+ \d{4}), (\d\d:\d\d UTC)/u;

function besideUtc(text, instant) {
  const long = { day: "numeric", month: "long", year: "numeric" };
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
  const [day, time] = [long, clock].map((parts) => new Intl.DateTimeFormat("en-GB", parts).format(instant));
  return text.replace(UTC_IN_WORDS, (utc, utcDay, utcTime) => {
    if (time === utcTime) return utc;
    return `${day}, ${time} (${day === utcDay ? utcTime : utc})`;
  });
}

function localize(root) {
  const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
  root.querySelectorAll('time[data-local="day"]').forEach((time) => {
    time.textContent = short.format(new Date(time.dateTime));
  });
  root.querySelectorAll('time[data-local="exact"]').forEach((time) => {
    time.textContent = besideUtc(time.textContent, new Date(time.dateTime));
  });
  root.querySelectorAll("option[data-utc]").forEach((option) => {
    option.textContent = besideUtc(option.textContent, new Date(option.dataset.utc));
  });
}

// Repeats the label of a closed select below it, in case it is truncated.
function showChosen(note) {
  const select = note.parentElement.querySelector(`select[name="${note.dataset.chosenOf}"]`);
  const update = () => { note.textContent = select.selectedOptions[0]?.textContent ?? ""; };
  select.addEventListener("change", update);
  addEventListener("pageshow", update);
}

// Entered times are in the reader's zone, unless the URL already has times in another.
function typeLocally(field, zone) {
  const times = [...field.form.querySelectorAll("[data-zoned]")];
  if (field.value || times.some((time) => time.value)) return;
  field.value = zone;
  times.forEach((time) => { time.labels[0].textContent = time.labels[0].textContent.replace("UTC", zone); });
}

document.addEventListener("DOMContentLoaded", () => {
  localize(document);
  all("[data-chosen-of]").forEach(showChosen);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const note = document.querySelector("[data-zone]");
  if (note && zone && zone !== "UTC") note.textContent = `Times are in the time zone ${zone}, with UTC in brackets. Hover over a date to see its time in UTC.`;
  if (zone) all("[data-zone-of-times]").forEach((field) => typeLocally(field, zone));
});
