"use strict";

// allauth logs passkey errors to the console only. This shows them on the page.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.querySelectorAll("[data-passkey-failure]").forEach((notice) => { notice.hidden = false; });
});
