/* The page of dead letters: its cards, and the buttons that replay. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});

    function card(row, selected) {
        const { escape } = ww.words;
        return `<li class="row-card"><button type="button" class="row-card-open" data-row="${escape(row.id)}" aria-pressed="${selected}">
            <span class="mut">${escape(row.received)}</span><span class="mut">${row.size_bytes} bytes</span>
            <span class="reasons">${escape(row.reason)}</span></button></li>`;
    }

    function replay(names) {
        dash_clientside.set_props("replay-letters", { data: { names, at: Date.now() } });
    }

    ww.list.add("letters-grid", { name: "letters", param: "letter", store: "selected-letter", card });

    document.addEventListener("click", (event) => {
        const one = event.target.closest("[data-replay]");
        if (one) replay([one.dataset.replay]);
        const api = event.target.closest("#letters-all") && ww.list.current();
        if (!api) return;
        const names = [];
        api.forEachNode((node) => names.push(node.data.id));
        if (names.length) replay(names);
    });
})();
