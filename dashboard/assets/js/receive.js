/* Receives messages from the server, checks that none is missing, and passes them to the board. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    /* Pages that are reached from another one, which the navigation marks for them. */
    const PART_OF = { "/dead-letters": "/data-quality" };
    const ASK_AGAIN_MS = 1000;
    let epoch = null;
    let seq = -1;
    let alerts = null;
    let askedAt = -ASK_AGAIN_MS;
    const title = { "/": "Bed board", "/worklist": "Worklist", "/data-quality": "Data quality", "/dead-letters": "Messages not understood" };

    function receive(text) {
        if (!text) return "";
        const push = JSON.parse(text);
        const loaded = document.getElementById("app").dataset.build;
        if (push.build !== loaded) {
            location.reload(); // another version runs: its pages and ours may not understand each other
            return "";
        }
        ww.freshness.received(push);
        if (push.board) {
            [epoch, seq] = [push.epoch, push.seq];
            ww.board.takeSnapshot(push.board);
        } else if (push.epoch !== epoch || push.seq > seq) {
            if (push.epoch === epoch && push.delta && (push.since || 0) <= seq) {
                seq = push.seq;
                ww.board.takeDelta(push);
            } else {
                resync();
            }
        }
        if (alerts !== null && push.alerts !== alerts) ww.worklist.changed();
        alerts = push.alerts;
        return "";
    }

    function resync() {
        if (performance.now() - askedAt < ASK_AGAIN_MS) return;
        askedAt = performance.now();
        dash_clientside.set_props("resync", { data: Date.now() });
    }

    function navigated() {
        const heading = document.getElementById("page-title");
        if (heading) heading.textContent = title[location.pathname] || "Wardwatch";
        for (const link of document.querySelectorAll(".nav")) {
            const path = new URL(link.href).pathname;
            if (path === location.pathname) link.setAttribute("aria-current", "page");
            else if (path === PART_OF[location.pathname]) link.setAttribute("aria-current", "true");
            else link.removeAttribute("aria-current");
        }
        ww.address.arrived();
        ww.board.mount();
        ww.list.mount();
        return "";
    }

    window.dash_clientside = Object.assign({}, window.dash_clientside, {
        wardwatch: { receive, navigated, drawer: (opened) => ww.drawer.toggled(opened), toast: (children) => ww.worklist.toast(children) },
    });
})();
