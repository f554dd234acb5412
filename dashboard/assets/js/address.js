/* What a page shows is in its address: a reload, the buttons back and forward, and a link that is sent give the same view.
   Dash knows nothing of these entries of the history, so each part of a page reads the address again on its way back. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});

    let path = location.pathname;

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

    /* `read` is called when the reader goes back or forward within a page. On the way to another page nothing is read: a
       grid that is about to go must not be touched. */
    function follow(read) {
        window.addEventListener("popstate", () => {
            if (location.pathname === path) setTimeout(read, 0);
        });
    }

    /* A page has been put on the screen. */
    function arrived() {
        path = location.pathname;
    }

    ww.address = { get, set, follow, arrived };
})();
