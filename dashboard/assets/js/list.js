/* Every list: its order and its selected row are in the address, j and k move, narrow screens see cards, and columns that
   do not fit are left out (the panel has them). The grid is the one place of order and selection, also behind cards. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
    const NARROW = window.matchMedia("(width < 700px)");
    const LISTS = {}; // by id of the grid: { param, store, card }
    let attached = null; // { node, api, list }

    /* A cell that shows one field and sorts by another. */
    cells.Text = (props) => React.createElement("span", null, props.data[props.shows]);
    cells.Reasons = (props) => React.createElement("span", { className: "reasons" }, props.value);

    function add(gridId, list) {
        LISTS[gridId] = list;
    }

    /* Called when a page has been put on the screen; the grid may take a moment until it is there. */
    function mount(attempts = 60) {
        const node = document.querySelector(".worklist-grid");
        if (!node || !window.dash_ag_grid) {
            if (attempts > 0 && document.getElementById("app")) requestAnimationFrame(() => mount(attempts - 1));
            return;
        }
        if (attached && attached.node === node) return;
        dash_ag_grid.getApiAsync(node.id).then((api) => attach(node, api));
    }

    function attach(node, api) {
        if (attached && attached.node === node) return;
        const list = LISTS[node.id];
        attached = { node, api, list };
        if (list.opened) list.opened();
        sortAsAsked(api);
        api.addEventListener("modelUpdated", () => updated(api, list));
        api.addEventListener("selectionChanged", () => selectionChanged(api, list));
        api.addEventListener("sortChanged", () => sorted(api));
        new ResizeObserver(() => fit(api, node)).observe(node);
        updated(api, list);
    }

    function sortAsAsked(api) {
        const [, sign, column] = /^(-?)(.+)$/.exec(ww.address.get("sort") || "") || [];
        const state = column ? [{ colId: column, sort: sign ? "desc" : "asc" }] : [];
        api.applyColumnState({ state, defaultState: { sort: null } });
    }

    function updated(api, list) {
        const asked = ww.address.get(list.param);
        const selected = api.getSelectedNodes()[0];
        if (asked && (!selected || selected.id !== asked)) {
            const node = api.getRowNode(asked);
            if (node) {
                node.setSelected(true, true);
                if (node.rowIndex !== null) api.ensureIndexVisible(node.rowIndex);
            } else {
                show(list, asked); // a link may lead to what is no longer listed: the panel says so
            }
        }
        paintCards(api, list);
    }

    function selectionChanged(api, list) {
        const node = api.getSelectedNodes()[0];
        if (!node) {
            if (ww.address.get(list.param)) setTimeout(() => current() === api && updated(api, list), 0); // Dash's grid has reset it after a load
            return;
        }
        if (node.data.heading) {
            node.setSelected(false);
            list.heading(node.data);
            return;
        }
        ww.address.set({ [list.param]: node.id }, { step: NARROW.matches });
        show(list, node.id);
        paintCards(api, list);
    }

    function show(list, id) {
        const page = document.querySelector(".page.wide-side");
        if (page) page.classList.toggle("has-selection", Boolean(id));
        dash_clientside.set_props(list.store, { data: id });
    }

    function deselect(api, list) {
        api.deselectAll();
        show(list, null);
        paintCards(api, list);
    }

    function back() {
        const { api, list } = attached;
        ww.address.set({ [list.param]: null });
        deselect(api, list);
    }

    ww.address.follow(() => {
        if (!current()) return;
        const { api, list } = attached;
        sortAsAsked(api);
        if (ww.address.get(list.param)) updated(api, list);
        else deselect(api, list);
    });

    function sorted(api) {
        const column = api.getColumnState().find((each) => each.sort);
        ww.address.set({ sort: column ? `${column.sort === "desc" ? "-" : ""}${column.colId}` : null });
    }

    function fit(api, node) {
        const width = node.clientWidth;
        if (!width) return;
        const hidden = { true: [], false: [] };
        for (const column of api.getColumns() || []) {
            const least = (column.getColDef().context || {}).hideBelow;
            if (least) hidden[width < least].push(column.getColId());
        }
        api.setColumnsVisible(hidden.true, false);
        api.setColumnsVisible(hidden.false, true);
    }

    function paintCards(api, list) {
        const holder = document.getElementById(`${list.name}-cards`);
        if (!holder) return;
        const cards = [];
        api.forEachNodeAfterFilterAndSort((node) => cards.push(list.card(node.data, node.isSelected())));
        const html = cards.join("");
        if (holder.dataset.painted === html) return;
        holder.dataset.painted = html;
        holder.innerHTML = html;
    }

    function rows(api) {
        const found = [];
        api.forEachNodeAfterFilterAndSort((node) => found.push(node));
        return found;
    }

    function select(api, node) {
        node.setSelected(true, true);
        if (node.rowIndex !== null) api.ensureIndexVisible(node.rowIndex);
    }

    function move(api, step) {
        const nodes = rows(api).filter((node) => !node.data.heading);
        const selected = api.getSelectedNodes()[0];
        const at = selected ? nodes.indexOf(selected) + step : 0;
        const node = nodes[Math.min(nodes.length - 1, Math.max(0, at))];
        if (node) select(api, node);
    }

    /* Selects the next row below that `wanted` accepts, or else the first one above. */
    function selectNext(api, from, wanted) {
        const nodes = rows(api);
        const at = nodes.indexOf(from);
        const next = [...nodes.slice(at + 1), ...nodes.slice(0, Math.max(at, 0))].find((node) => wanted(node.data));
        if (next) select(api, next);
    }

    function current() {
        return attached && attached.node.isConnected ? attached.api : null;
    }

    function typing(event) {
        return event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [role=dialog]");
    }

    document.addEventListener("keydown", (event) => {
        if (typing(event) || !"jk".includes(event.key)) return;
        const api = current();
        if (api) move(api, event.key === "j" ? 1 : -1);
    });

    document.addEventListener("click", (event) => {
        const card = event.target.closest(".row-card-open");
        const api = current();
        if (card && api) {
            const node = api.getRowNode(card.dataset.row);
            if (node) node.isSelected() ? selectionChanged(api, attached.list) : select(api, node);
        }
        if (event.target.closest("[data-back]") && api) back();
    });

    ww.list = { add, mount, current, selectNext, typing };
})();
