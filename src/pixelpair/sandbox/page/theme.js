/* Before anything is drawn: the colours that were chosen last; without a choice, the system's. */
"use strict";
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "";
} catch { /* no storage: the system's colours */ }
