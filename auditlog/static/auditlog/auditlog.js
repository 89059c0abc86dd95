"use strict";
// Filters left empty stay out of the address, so that it is short enough to pass on.
document.addEventListener("submit", (event) => {
    if (!event.target.classList.contains("auditlog-filters")) {
        return;
    }
    for (const control of event.target.elements) {
        control.disabled = control.disabled || control.value === "";
    }
});
// Coming back to a page that the browser kept: the empty fields can be filled in again.
window.addEventListener("pageshow", () => {
    for (const control of document.querySelectorAll(".auditlog-filters :disabled")) {
        control.disabled = false;
    }
});
