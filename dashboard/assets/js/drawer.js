/* Opens a bed, and keeps it in the address. The server returns the details; a change of the open bed requests them again. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    let selected = null;

    function ask() {
        dash_clientside.set_props("selected-bed", { data: { ...selected, at: Date.now() } });
    }

    function show(key, bed) {
        selected = { key, bed };
        const unit = ww.board.state.units.get(key);
        ask();
        dash_clientside.set_props("bed-drawer", { opened: true, title: `${unit.card.name}, bed ${bed}` });
    }

    function open(node) {
        const { key, bed } = node.dataset;
        ww.address.set({ unit: key, bed }, { step: true });
        show(key, bed);
    }

    /* Opens the bed that the address names, once the board is painted: after a reload, from a link, or going back. */
    function restore() {
        const [key, bed] = [ww.address.get("unit"), ww.address.get("bed")];
        const unit = ww.board.state.units.get(key);
        if (!unit || !bed || (selected && selected.key === key && selected.bed === bed)) return;
        if (unit.tileNodes.has(bed)) ww.board.focusBed(key, bed);
        show(key, bed);
    }

    function toggled(opened) {
        if (opened === false && selected && document.getElementById("board")) {
            ww.address.set({ unit: null, bed: null });
            selected = null;
        }
        return "";
    }

    function forget() {
        selected = null;
    }

    function changed(key, tiles) {
        if (selected && selected.key === key && tiles.some((tile) => tile.id === selected.bed)) {
            if (document.getElementById("bed-details")) ask();
            else selected = null;
        }
    }

    document.addEventListener("click", (event) => {
        const node = event.target.closest("button.bed[data-bed]");
        if (node) {
            ww.keys.focus(node);
            open(node);
        }
    });

    ww.address.follow(() => {
        if (!document.getElementById("board")) return;
        if (ww.address.get("bed")) restore();
        else if (selected) {
            selected = null;
            dash_clientside.set_props("bed-drawer", { opened: false });
        }
    });

    ww.drawer = { open, restore, toggled, forget, changed };
})();
