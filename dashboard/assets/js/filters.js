/* Filters of the bed page: what does not match is dimmed, not hidden, so that units keep their place. In the URL. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const MATCHES = {
        all: () => true,
        full: (card) => card.percent !== null && card.percent >= 90,
        free: (card) => card.available > 0,
        late: (card) => card.late_cleaning > 0,
    };
    let chosen = "all";

    function restore() {
        const asked = new URLSearchParams(location.search).get("show");
        chosen = asked in MATCHES ? asked : "all";
    }

    function choose(name) {
        chosen = name;
        const url = new URL(location.href);
        if (name === "all") url.searchParams.delete("show");
        else url.searchParams.set("show", name);
        history.replaceState(history.state, "", url);
        apply(ww.board.state);
    }

    function apply(state) {
        for (const button of document.querySelectorAll("[data-filter]")) {
            button.setAttribute("aria-pressed", String(button.dataset.filter === chosen));
        }
        for (const unit of state.units.values()) {
            if (unit.node) unit.node.classList.toggle("dim", !MATCHES[chosen](unit.card));
        }
    }

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-filter]");
        if (button) choose(button.dataset.filter);
    });

    ww.filters = { restore, apply };
})();
