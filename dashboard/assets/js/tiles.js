/* One bed as a tile: state in shape, colour and text. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const LONGEST = 8; // 3N136-B2

    /* The server leaves out what is absent; here it is written out. */
    function complete(tile) {
        return { since: null, due: null, leaving: false, high_risk: false, late: false, conflicts: 0, reason: null, ...tile };
    }

    function classes(tile) {
        const names = ["bed", tile.status];
        if (tile.leaving) names.push("leaving");
        if (tile.high_risk) names.push("high-risk");
        if (tile.late) names.push("late");
        if (tile.conflicts) names.push("conflict");
        return names.join(" ");
    }

    /* What a screen reader says and a pointer shows. */
    function describe(tile, card) {
        const { STATUS_WORDS, moment } = ww.words;
        const said = [`Bed ${tile.id}, ${STATUS_WORDS[tile.status] || tile.status}`];
        if (tile.since) said.push(`since ${moment(tile.since, card.zone)}`);
        if (tile.due) said.push(`expected to leave ${moment(tile.due, card.zone)}${tile.late ? ", overdue" : ""}`);
        else if (tile.late) said.push(`beyond the target of ${card.target_minutes} min`);
        if (tile.high_risk) said.push("high readmission risk");
        if (tile.conflicts) said.push(`claimed by ${tile.conflicts + 1} patients`);
        if (tile.reason) said.push(tile.reason);
        return said.join(", ");
    }

    /* Long bed names (as in recorded feeds) are cut in front: their ends tell them apart. */
    function label(id) {
        return id.length > LONGEST ? `…${id.slice(1 - LONGEST)}` : id;
    }

    /* How many letters the widest tile of a unit must have room for. */
    function letters(ids) {
        return Math.max(2, ...ids.map((id) => label(id).length));
    }

    function paint(node, tile, card) {
        const text = describe(tile, card);
        const name = classes(tile);
        if (node.dataset.base !== name) {
            node.dataset.base = name;
            node.className = name;
        }
        if (node.title !== text) {
            node.title = text;
            node.setAttribute("aria-label", text);
        }
    }

    function create(tile, card) {
        const node = document.createElement("button");
        node.type = "button";
        node.tabIndex = -1;
        node.dataset.key = card.key;
        node.dataset.bed = tile.id;
        const name = document.createElement("span");
        name.textContent = label(tile.id);
        node.appendChild(name);
        paint(node, tile, card);
        return node;
    }

    ww.tiles = { complete, create, letters, paint };
})();
