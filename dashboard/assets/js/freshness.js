/* The board's time, and the signs of life in the words of the server (schemas/signs_of_life.py). Only that the server
   itself is lost the page must say. A page without messages checks whether the server is available again, and reloads. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const SERVER_LOST_MS = 5000;
    const LOOK_EVERY_MS = 2000;
    const RELOAD_AFTER_MS = 8000;
    const SERVER_LOST = {
        state: "server_lost",
        title: "Server lost",
        detail: "the dashboard's server does not answer. The board shows the last known state",
        past: false,
    };
    let feed = null;
    let receivedAt = performance.now();
    let looking = false;

    function received(push) {
        feed = push.feed;
        receivedAt = performance.now();
        paint();
    }

    function text(id, value) {
        const node = document.getElementById(id);
        if (node && node.textContent !== value) node.textContent = value;
    }

    function paint() {
        const sign = document.getElementById("freshness");
        if (!sign || !feed) return;
        const lost = performance.now() - receivedAt > SERVER_LOST_MS;
        const { state, title, detail, past, ahead = "" } = lost ? SERVER_LOST : feed;
        sign.className = `pill freshness ${state}`;
        sign.title = detail ? `${title}: ${detail}` : title;
        text("freshness-state", title); // a live region: its text changes with the state only
        text("freshness-age", detail);
        const banner = document.getElementById("past");
        banner.hidden = !past;
        text("past", past ? "The board shows the past while older facts are read." : "");
        const { eventTime, units, order } = ww.board.state;
        const zone = order.length ? units.get(order[0]).card.zone : "UTC";
        text("event-time", eventTime === null ? "–" : ww.words.moment(eventTime, zone));
        text("event-ahead", lost ? "" : ahead);
    }

    /* Dash stops reconnecting after ten attempts, and may keep a dead socket after a restart. */
    async function look() {
        const silent_ms = performance.now() - receivedAt;
        if (looking || silent_ms < RELOAD_AFTER_MS || document.hidden) return;
        looking = true;
        try {
            const answer = await fetch("/health", { cache: "no-store" });
            if (answer.ok && performance.now() - receivedAt > RELOAD_AFTER_MS) location.reload();
        } catch (error) {
            console.info("The server is still unavailable.", error.message);
        } finally {
            looking = false;
        }
    }

    setInterval(paint, 250);
    setInterval(look, LOOK_EVERY_MS);

    ww.freshness = { received };
})();
