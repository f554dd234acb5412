/* Runs before anything is drawn: sets the theme that Mantine sets later, so that a dark page does not flash white. */
(function () {
    "use strict";
    let chosen = "auto";
    try {
        chosen = localStorage.getItem("mantine-color-scheme-value") || "auto";
    } catch (error) {
        console.warn("The theme cannot be remembered in this browser.", error);
    }
    const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
