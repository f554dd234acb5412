/* The worklist: cells, keys j, k (on every list) and a, and the refresh of the list when alerts have changed. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
    const REFRESH_MS = 1000;
    const TOAST_MS = 7000;
    const BANDS = { high: ["l3", "High"], medium: ["l2", "Medium"], low: ["l1", "Low"] };
    const make = (...parts) => React.createElement(...parts);
    let refreshing = null;
    let toasting = null;

    cells.Risk = (props) => {
        const [icon, word] = BANDS[props.data.band] || BANDS.high;
        return make(
            "span",
            { className: `band ${props.data.band}` },
            make("i", { className: `ic ic-${icon}`, "aria-hidden": "true" }),
            make("b", null, `${Math.round(props.value * 100)} %`),
            word,
        );
    };

    cells.Reasons = (props) => make("span", { className: "reasons" }, props.value);

    cells.Acknowledge = (props) => {
        if (!props.data.can_acknowledge) return make("span", { className: "mut" }, props.value);
        const onClick = (event) => {
            event.stopPropagation();
            acknowledge(props.data);
        };
        return make("button", { type: "button", className: "btn small", onClick, tabIndex: -1 }, "Acknowledge");
    };

    function acknowledge(row) {
        dash_clientside.set_props("acknowledge", { data: { id: row.id, version: row.version, at: Date.now() } });
    }

    function refresh() {
        if (document.getElementById("worklist-grid")) dash_clientside.set_props("worklist-refresh", { data: Date.now() });
    }

    /* Many alerts at once are one refresh. */
    function changed() {
        if (refreshing !== null) return;
        refreshing = setTimeout(() => {
            refreshing = null;
            refresh();
        }, REFRESH_MS);
    }

    function grid() {
        const node = document.querySelector(".worklist-grid");
        return node ? dash_ag_grid.getApi(node.id) : null;
    }

    function move(api, step) {
        const selected = api.getSelectedNodes()[0];
        const last = api.getDisplayedRowCount() - 1;
        const index = selected ? Math.min(last, Math.max(0, selected.rowIndex + step)) : 0;
        const node = api.getDisplayedRowAtIndex(index);
        if (!node) return;
        node.setSelected(true, true);
        api.ensureIndexVisible(index);
    }

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
        if (!"jka".includes(event.key)) return;
        const api = grid();
        if (!api) return;
        const selected = api.getSelectedNodes()[0];
        if (event.key === "j") move(api, 1);
        if (event.key === "k") move(api, -1);
        if (event.key === "a" && selected && selected.data.can_acknowledge) acknowledge(selected.data);
    });

    function toast(children) {
        if (!children) return "toast";
        clearTimeout(toasting);
        refresh(); // the list has changed, whatever the answer was
        toasting = setTimeout(() => dash_clientside.set_props("toast", { className: "toast" }), TOAST_MS);
        return "toast shown";
    }

    ww.worklist = { changed, toast };
})();
