/* Keeps the board as it was pushed and paints it. A delta touches only the cards and tiles that differ; React never
   owns these nodes. Other pages may be on the screen: then the state is kept, and painted when the board comes back. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const FLASH_MS = 1600;
    const state = { units: new Map(), order: [], summary: null, eventTime: null };
    let root = null;

    function keep(entry) {
        const tiles = new Map(entry.tiles.map((tile) => [tile.id, ww.tiles.complete(tile)]));
        state.units.set(entry.card.key, { card: entry.card, tiles, node: null, tileNodes: new Map() });
    }

    function takeSnapshot(board) {
        state.units.clear();
        state.order = board.units.map((unit) => unit.card.key);
        board.units.forEach(keep);
        state.summary = board.summary;
        state.eventTime = board.event_time;
        paintAll();
    }

    function takeDelta(push) {
        const first = state.eventTime === null;
        if (push.event_time) state.eventTime = push.event_time;
        for (const change of push.units || []) takeChange(change);
        if (push.summary && differs(push.summary, state.summary)) {
            state.summary = push.summary;
            ww.summary.paint(state);
        }
        if (first && state.eventTime !== null) paintAll(); // the board takes the place of "no facts yet"
        else if (push.units || push.summary) ww.filters.apply(state);
    }

    function takeChange(change) {
        const unit = state.units.get(change.key);
        if (change.card && differs(change.card, unit.card)) {
            unit.card = change.card;
            if (unit.node) ww.cards.paint(unit.node, unit.card);
        }
        const tiles = (change.tiles || []).map(ww.tiles.complete).filter((tile) => change.whole || differs(tile, unit.tiles.get(tile.id)));
        if (change.whole) {
            unit.tiles = new Map(tiles.map((tile) => [tile.id, tile]));
            if (unit.node) paintTiles(unit);
        } else {
            for (const tile of tiles) takeTile(unit, tile);
        }
        ww.drawer.changed(change.key, tiles);
    }

    /* A delta repeats the deltas of the last second, so most of it is on the page already. */
    function differs(value, known) {
        return JSON.stringify(value) !== JSON.stringify(known);
    }

    function takeTile(unit, tile) {
        const before = unit.tiles.get(tile.id);
        unit.tiles.set(tile.id, tile);
        const node = unit.tileNodes.get(tile.id);
        if (!node) return;
        ww.tiles.paint(node, tile, unit.card);
        if (before && before.status !== tile.status) flash(node);
    }

    function flash(node) {
        node.classList.add("flash");
        setTimeout(() => node.classList.remove("flash"), FLASH_MS);
    }

    /* Nodes of beds that stay are kept, and with them the focus. */
    function paintTiles(unit) {
        const holder = unit.node.querySelector(".beds");
        const nodes = [];
        for (const tile of unit.tiles.values()) {
            let node = unit.tileNodes.get(tile.id);
            if (node) ww.tiles.paint(node, tile, unit.card);
            else node = ww.tiles.create(tile, unit.card);
            nodes.push(node);
        }
        unit.tileNodes = new Map(nodes.map((node) => [node.dataset.bed, node]));
        holder.style.setProperty("--letters", ww.tiles.letters([...unit.tiles.keys()]));
        holder.replaceChildren(...nodes);
        if (nodes.length && !holder.querySelector('[tabindex="0"]')) nodes[0].tabIndex = 0;
    }

    function paintAll() {
        ww.summary.paint(state);
        if (!root) return;
        const focused = focusedBed();
        const known = new Map([...root.querySelectorAll(".unit")].map((node) => [node.dataset.key, node]));
        const nodes = state.order.map((key) => paintUnit(state.units.get(key), known.get(key)));
        if (state.eventTime === null) {
            root.replaceChildren(emptyBoard());
        } else {
            root.replaceChildren(...nodes);
        }
        ww.filters.apply(state);
        if (focused) focusBed(focused.key, focused.bed);
        ww.drawer.restore();
    }

    function paintUnit(unit, node) {
        if (node) {
            ww.cards.paint(node, unit.card);
            for (const tile of node.querySelectorAll(".bed")) unit.tileNodes.set(tile.dataset.bed, tile);
        } else {
            node = ww.cards.create(unit.card);
        }
        unit.node = node;
        paintTiles(unit);
        return node;
    }

    function emptyBoard() {
        const node = document.createElement("div");
        node.className = "empty";
        node.innerHTML =
            "No messages from the hospital yet. The board fills by itself when they come. If it stays empty, ask the " +
            "administrator whether the interface is connected.";
        return node;
    }

    function focusedBed() {
        const node = document.activeElement;
        return node && node.classList.contains("bed") ? { ...node.dataset } : null;
    }

    function focusBed(key, bed) {
        const unit = state.units.get(key);
        const node = unit && (bed ? unit.tileNodes.get(bed) : unit.tileNodes.values().next().value);
        if (node) ww.keys.focus(node);
        else if (unit && unit.node) unit.node.scrollIntoView({ block: "nearest" });
        return node;
    }

    /* Called when a page has been put on the screen; it may take a frame or two until it is really there. */
    function mount(attempts = 60) {
        const found = document.getElementById("board");
        if (found && found !== root) {
            root = found;
            for (const unit of state.units.values()) {
                unit.node = null;
                unit.tileNodes = new Map();
            }
            ww.filters.restore();
            ww.drawer.forget();
            paintAll();
        } else if (!found) {
            root = null;
            if (attempts > 0 && location.pathname === "/") requestAnimationFrame(() => mount(attempts - 1));
        }
    }

    ww.board = { state, takeSnapshot, takeDelta, mount, focusBed };
})();
