/* Filters of the bed page: what does not match is dimmed, not hidden, so that units keep their place. In the address. A
   figure on top is the filter of what it counts, in the units in which it counts. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const TO_CLEAN = ["dirty", "cleaning"];
    const UNITS = {
        all: () => true,
        full: (card) => card.level >= 2,
        free: (card) => card.available > 0,
        available: (card) => card.inpatient && card.available > 0,
        late: (card) => card.late_cleaning > 0,
        inpatient: (card) => card.inpatient,
        waiting: (card) => card.without_bed > 0,
        leaving: (card) => card.leaving > 0,
        clean: (card) => card.to_clean > 0,
        conflicts: (card, tiles) => tiles.some(BEDS.conflicts),
    };
    const BEDS = {
        free: (tile) => tile.status === "available",
        available: (tile) => tile.status === "available",
        late: (tile) => TO_CLEAN.includes(tile.status) && tile.late,
        leaving: (tile) => tile.leaving,
        clean: (tile) => TO_CLEAN.includes(tile.status),
        conflicts: (tile) => tile.conflicts > 0,
    };
    let chosen = "all";

    function restore() {
        const asked = ww.address.get("show");
        chosen = Object.hasOwn(UNITS, asked) ? asked : "all";
    }

    function choose(name) {
        chosen = name === chosen ? "all" : name;
        ww.address.set({ show: chosen === "all" ? null : chosen }, { step: true });
        apply(ww.board.state);
        const first = document.querySelector("#board .unit:not(.dim)");
        if (first && chosen !== "all") first.scrollIntoView({ block: "nearest" });
    }

    function apply(state) {
        for (const button of document.querySelectorAll("[data-filter]")) {
            button.setAttribute("aria-pressed", String(button.dataset.filter === chosen));
        }
        const beds = BEDS[chosen];
        for (const unit of state.units.values()) {
            if (!unit.node) continue;
            unit.node.classList.toggle("dim", !UNITS[chosen](unit.card, [...unit.tiles.values()]));
            for (const [id, node] of unit.tileNodes) node.classList.toggle("faint", Boolean(beds) && !beds(unit.tiles.get(id)));
        }
    }

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-filter]");
        if (button) choose(button.dataset.filter);
    });

    ww.address.follow(() => {
        restore();
        apply(ww.board.state);
    });

    ww.filters = { restore, apply };
})();
