/* What a page shows is in its address: a reload, the buttons back and forward, and a link that is sent give the same view.
   Dash knows nothing of these entries of the history, so each part of a page reads the address again on its way back. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});

    function get(name) {
        return new URLSearchParams(location.search).get(name);
    }

    /* `step`: a new entry in the history, so that "back" leads to the view before. */
    function set(values, { step = false } = {}) {
        const url = new URL(location.href);
        for (const [name, value] of Object.entries(values)) {
            if (value === null || value === undefined || value === "") url.searchParams.delete(name);
            else url.searchParams.set(name, value);
        }
        if (url.href === location.href) return;
        if (step) history.pushState(history.state, "", url);
        else history.replaceState(history.state, "", url);
    }

    /* `read` is called when the reader goes back or forward; it does nothing where its page is not on the screen. */
    function follow(read) {
        window.addEventListener("popstate", () => setTimeout(read, 0)); // after Dash: it may leave the page
    }

    ww.address = { get, set, follow };
})();
