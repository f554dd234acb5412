/* Arrow keys across beds, and from one unit into the next. One bed of a unit is in the tab order. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});

    function focus(node) {
        for (const other of node.parentElement.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
        node.tabIndex = 0;
        node.focus();
        node.scrollIntoView({ block: "nearest" });
    }

    function columns(holder) {
        return getComputedStyle(holder).gridTemplateColumns.split(" ").length;
    }

    function neighbour(node, key) {
        const beds = [...node.parentElement.children];
        const at = beds.indexOf(node);
        const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(node.parentElement), ArrowUp: -columns(node.parentElement) }[key];
        return beds[at + step] || inNextUnit(node, step > 0 ? 1 : -1);
    }

    function inNextUnit(node, direction) {
        const holders = [...document.querySelectorAll("#board .beds")].filter((holder) => holder.children.length);
        const holder = holders[holders.indexOf(node.parentElement) + direction];
        if (!holder) return null;
        return direction > 0 ? holder.firstElementChild : holder.lastElementChild;
    }

    document.addEventListener("keydown", (event) => {
        const node = document.activeElement;
        if (!event.key.startsWith("Arrow") || !node || !node.matches("button.bed[data-bed]")) return;
        event.preventDefault();
        const next = neighbour(node, event.key);
        if (next) focus(next);
    });

    ww.keys = { focus };
})();
