"use strict";

// allauth tells the console alone that a passkey was not used; people are told too.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.querySelectorAll("[data-passkey-failure]").forEach((notice) => { notice.hidden = false; });
});
