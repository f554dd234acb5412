/* What a person would see as broken: boxes that lie over each other or are cut, targets that are too small, and scrolling
   to the side. Returns a list of sentences. A box is what is left of an element inside what clips it. */
(minimum) => {
    const faults = [];
    const say = (node) => {
        const name = node.id ? `#${node.id}` : `.${[...node.classList].join(".")}`;
        return `<${node.tagName.toLowerCase()} ${name} "${(node.textContent || "").trim().slice(0, 30)}">`;
    };
    const BOXES =
        ".top h1, .pill, .nav, .figure, .figure-top, .figure-row, .figure-note, .segs, .seg, .legend li, .unit, .unit-name, .unit-percent, " +
        ".level, .spark, .count, button, .chart-card, .side, .main, .sec-h, .alert, .alert-title, .alert-note, .table, .facts, .fact, " +
        ".ag-cell, .ag-header-cell, .row-card, .row-card-foot, .empty, .chip, .side h3, .risk-row, .why, .said, .banner";
    const dialog = document.querySelector("[role=dialog]");
    const within = dialog || document.body;

    /* What clips an element: every ancestor whose overflow is not visible, and the window. */
    function clip(node) {
        let box = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
        let scrolls = { x: false, y: false };
        for (let up = node.parentElement; up; up = up.parentElement) {
            const style = getComputedStyle(up);
            if (style.position === "fixed") break;
            if (style.overflowX === "visible" && style.overflowY === "visible") continue;
            const edge = up.getBoundingClientRect();
            if (style.overflowX !== "visible") {
                box = { ...box, left: Math.max(box.left, edge.left), right: Math.min(box.right, edge.right) };
            }
            if (style.overflowY !== "visible") {
                box = { ...box, top: Math.max(box.top, edge.top), bottom: Math.min(box.bottom, edge.bottom) };
                if (/auto|scroll/.test(style.overflowY)) scrolls.y = true;
            }
        }
        return { ...box, scrolls };
    }

    const seen = [];
    for (const node of within.querySelectorAll(BOXES)) {
        const box = node.getBoundingClientRect();
        const style = getComputedStyle(node);
        if (!box.width || !box.height || style.visibility === "hidden" || node.closest(".skip, [hidden]")) continue;
        const frame = clip(node);
        const cut = { left: frame.left - box.left, right: box.right - frame.right };
        if (cut.left > 1 || cut.right > 1) faults.push(`cut at the side by ${Math.max(cut.left, cut.right).toFixed(1)} px: ${say(node)}`);
        if (!frame.scrolls.y && (box.bottom - frame.bottom > 1 || frame.top - box.top > 1)) {
            faults.push(`cut above or below, where nothing scrolls: ${say(node)}`);
        }
        const shown = {
            left: Math.max(box.left, frame.left),
            right: Math.min(box.right, frame.right),
            top: Math.max(box.top, frame.top),
            bottom: Math.min(box.bottom, frame.bottom),
        };
        if (shown.right - shown.left < 1 || shown.bottom - shown.top < 1) continue; // scrolled away
        seen.push({ node, shown });
    }

    for (let i = 0; i < seen.length; i += 1) {
        for (let j = i + 1; j < seen.length; j += 1) {
            const [one, two] = [seen[i], seen[j]];
            if (one.node.contains(two.node) || two.node.contains(one.node)) continue;
            const wide = Math.min(one.shown.right, two.shown.right) - Math.max(one.shown.left, two.shown.left);
            const high = Math.min(one.shown.bottom, two.shown.bottom) - Math.max(one.shown.top, two.shown.top);
            if (wide > 1 && high > 1) faults.push(`overlap of ${wide.toFixed(1)} by ${high.toFixed(1)} px: ${say(one.node)} and ${say(two.node)}`);
        }
    }

    for (const node of within.querySelectorAll("button, .nav, .figure[href], .row-card-open")) {
        const box = node.getBoundingClientRect();
        if (!box.width || !box.height || node.closest(".skip, .ag-header")) continue;
        if (box.width < minimum - 0.01 || box.height < minimum - 0.01) {
            faults.push(`smaller than ${minimum} px (${box.width.toFixed(1)} by ${box.height.toFixed(1)}): ${say(node)}`);
        }
    }

    /* Text that is wider than its box and is neither wrapped nor has a mark that more is there. */
    for (const node of within.querySelectorAll(".seg, .btn, .pill, .pill span, .nav span, .level, .figure *, .alert-title, .alert-note, .count, .fact dd, .chip, .unit-name h2")) {
        if (node.clientWidth && node.scrollWidth > node.clientWidth + 1) faults.push(`text does not fit: ${say(node)}`);
    }

    for (const node of document.querySelectorAll("html, body, .app, .page, .main, .side, .app > div, .board, .figures")) {
        const style = getComputedStyle(node);
        if (!node.clientWidth || /hidden|clip/.test(style.overflowX) === false || node.scrollWidth <= node.clientWidth + 1) {
            if (node.tagName !== "HTML" || node.scrollWidth <= innerWidth) continue;
        }
        faults.push(`wider than what shows of it (${node.scrollWidth} of ${node.clientWidth} px): ${say(node)}`);
    }
    return [...new Set(faults)];
}
