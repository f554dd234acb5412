/* The worklist: cells, cards, the key a, and the refresh of the list when alerts have changed. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
    const REFRESH_MS = 1000;
    const TOAST_MS = 7000;
    const BANDS = { high: ["l3", "High"], medium: ["l2", "Medium"], low: ["l1", "Low"] };
    const make = (...parts) => React.createElement(...parts);
    const NARROW = window.matchMedia("(width < 700px)");
    let kept = []; // acknowledged since the list was opened
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

    cells.Acknowledge = (props) => {
        if (!props.data.can_acknowledge) return make("span", null, props.value);
        const onClick = (event) => {
            event.stopPropagation();
            acknowledge(props.data);
        };
        return make("button", { type: "button", className: "btn quiet", onClick, tabIndex: -1 }, "Acknowledge");
    };

    function card(row, selected) {
        const { escape } = ww.words;
        const [icon, word] = BANDS[row.band] || BANDS.high;
        const id = escape(row.id);
        const act = row.can_acknowledge
            ? `<button type="button" class="btn" data-acknowledge="${id}">Acknowledge</button>`
            : `<span class="mut">${escape(row.status)}</span>`;
        return `<li class="row-card${row.can_acknowledge ? "" : " settled"}">
            <button type="button" class="row-card-open" data-row="${id}" aria-pressed="${selected}">
            <span class="band ${escape(row.band)}"><i class="ic ic-${icon}" aria-hidden="true"></i><b>${Math.round(row.risk * 100)} %</b>${word}</span>
            <span>${escape(row.place)}</span>
            <span class="mono">${escape(row.token)}</span><span class="mut">${row.age === null ? "" : `${row.age} years`}</span>
            <span class="reasons">${escape(row.reasons)}</span></button>
            <div class="row-card-foot"><span class="mut">Raised ${escape(row.raised)}</span>${act}</div></li>`;
    }

    /* The row stays where it is, dimmed, until the list is left; the selection goes on to the next new alert. */
    function acknowledge(row) {
        const api = ww.list.current();
        const node = api && api.getRowNode(row.id);
        kept = [...kept, row.id];
        dash_clientside.set_props("worklist-kept", { data: kept });
        dash_clientside.set_props("acknowledge", { data: { id: row.id, version: row.version, at: Date.now() } });
        if (node && node.isSelected() && !NARROW.matches) ww.list.selectNext(api, node, (each) => each.can_acknowledge);
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

    document.addEventListener("keydown", (event) => {
        if (event.key !== "a" || ww.list.typing(event)) return;
        const api = ww.list.current();
        const selected = api && api.getSelectedNodes()[0];
        if (selected && selected.data.can_acknowledge) acknowledge(selected.data);
    });

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-acknowledge]");
        const api = ww.list.current();
        const node = button && api && api.getRowNode(button.dataset.acknowledge);
        if (node) acknowledge(node.data);
    });

    ww.list.add("worklist-grid", { name: "worklist", param: "alert", store: "selected-alert", card, opened: () => (kept = []) });

    function toast(children) {
        if (!children) return "toast";
        clearTimeout(toasting);
        refresh(); // the list has changed, whatever the answer was
        toasting = setTimeout(() => dash_clientside.set_props("toast", { className: "toast" }), TOAST_MS);
        return "toast shown";
    }

    ww.worklist = { changed, toast };
})();
