/* How fresh the board is: the feed's own clock, and the wall clock's age of the last message. A silent feed, a lost
   broker, a lost database and a lost server are four things. A page without messages checks whether
   the server is available again, and reloads. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const SERVER_LOST_MS = 5000;
    const LOOK_EVERY_MS = 2000;
    const RELOAD_AFTER_MS = 8000;
    const WORDS = {
        starting: ["Connecting", "Waiting for the broker"],
        live: ["Live", "Messages are arriving"],
        silent: ["Silent", "The broker answers, but no message came: a calm hospital, or a worker that has stopped"],
        broker_lost: ["Broker lost", "The message broker does not answer; the board shows the last known state"],
        database_lost: ["Database lost", "The snapshot cannot be read; the board shows the last known state"],
        server_lost: ["Server lost", "The dashboard's server does not answer; the board shows the last known state"],
    };
    let feed = null;
    let receivedAt = performance.now();
    let looking = false;

    function received(push) {
        feed = push.feed;
        receivedAt = performance.now();
        paint();
    }

    function ageNow(age_s) {
        return age_s === null ? null : age_s + (performance.now() - receivedAt) / 1000;
    }

    function text(id, value) {
        const node = document.getElementById(id);
        if (node && node.textContent !== value) node.textContent = value;
    }

    function paint() {
        const sign = document.getElementById("freshness");
        if (!sign || !feed) return;
        const lost = performance.now() - receivedAt > SERVER_LOST_MS;
        const age_s = ageNow(feed.message_age_s);
        let state = lost ? "server_lost" : feed.state;
        if (state === "live" && age_s > 5) state = "silent";
        const [word, meaning] = WORDS[state];
        sign.className = `pill freshness ${state}`;
        sign.title = meaning;
        text("freshness-state", word);
        text("freshness-age", age_s === null ? (state === "starting" ? "" : "no message yet") : ww.words.age(age_s));
        const { eventTime, units, order } = ww.board.state;
        const zone = order.length ? units.get(order[0]).card.zone : "UTC";
        text("event-time", eventTime === null ? "–" : ww.words.moment(eventTime, zone));
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
