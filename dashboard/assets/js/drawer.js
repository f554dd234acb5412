/* Opens a bed. The server returns the details; a change of the open bed requests them again. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    let selected = null;

    function ask() {
        dash_clientside.set_props("selected-bed", { data: { ...selected, at: Date.now() } });
    }

    function open(node) {
        selected = { key: node.dataset.key, bed: node.dataset.bed };
        const unit = ww.board.state.units.get(selected.key);
        ask();
        dash_clientside.set_props("bed-drawer", { opened: true, title: `${unit.card.name}, bed ${selected.bed}` });
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

    ww.drawer = { open, changed };
})();
