/* The data-quality page: the cell of the kind, the filter, the groups, and marks of what was seen. The view is in the
   address. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
    const VIEW = ["kind", "group", "open", "seen"];
    const make = (...parts) => React.createElement(...parts);

    function iconOf(row) {
        if (row.heading) return row.open ? "down" : "right";
        return row.grave ? "oct" : "info";
    }

    cells.Kind = (props) =>
        make(
            "span",
            { className: `finding-kind ${props.data.grave ? "grave" : ""}` },
            make("i", { className: `ic ic-${iconOf(props.data)}`, "aria-hidden": "true" }),
            props.value,
        );

    function view(values, step = true) {
        ww.address.set(values, { step });
        const asked = Object.fromEntries(VIEW.map((name) => [name, ww.address.get(name)]));
        dash_clientside.set_props("quality-view", { data: asked });
    }

    function card(row, selected) {
        const { escape } = ww.words;
        const seen = row.seen ? `<span class="mut wide">Seen by ${escape(row.seen)}</span>` : "";
        return `<li class="row-card${row.settled ? " settled" : ""}">
            <button type="button" class="row-card-open" data-row="${escape(row.id)}" aria-pressed="${selected}">
            <span class="finding-kind ${row.grave ? "grave" : ""}"><i class="ic ic-${iconOf(row)}" aria-hidden="true"></i>${escape(row.kind)}</span>
            <span class="mut">${escape(row.silent)}</span>
            <span class="wide">${escape(row.place)} <span class="mono">${escape(row.about)}</span></span>
            <span class="reasons">${escape(row.says)}</span>${seen}</button></li>`;
    }

    /* The line of a group opens and closes it. */
    function toggle(row) {
        view({ open: row.open ? null : row.kind, finding: null });
    }

    function mark(row) {
        const { kind_id, about, says, version } = row;
        dash_clientside.set_props("mark-finding", { data: { kind_id, about, says, version, seen: !row.seen, at: Date.now() } });
    }

    ww.list.add("quality-grid", { name: "quality", param: "finding", store: "selected-finding", card, heading: toggle });

    ww.address.follow(() => {
        if (document.getElementById("quality-filters")) view({}, false);
    });

    document.addEventListener("keydown", (event) => {
        if (event.key !== "s" || ww.list.typing(event) || !document.getElementById("quality-filters")) return;
        const api = ww.list.current();
        const selected = api && api.getSelectedNodes()[0];
        if (selected && !selected.data.heading) mark(selected.data);
    });

    document.addEventListener("click", (event) => {
        const button = event.target.closest("#quality-filters [data-kind], #quality-views button");
        if (button && "kind" in button.dataset) view({ kind: button.dataset.kind, open: null });
        else if (button && "group" in button.dataset) view({ group: button.dataset.group, open: null });
        else if (button) view({ seen: ww.address.get("seen") ? null : "hide" });
        const marking = event.target.closest("[data-mark]");
        const api = ww.list.current();
        const node = marking && api && api.getRowNode(marking.dataset.mark);
        if (node) mark(node.data);
    });
})();
