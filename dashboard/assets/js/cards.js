/* A unit's card: name, level, occupancy, the last 24 hours, counts. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const LEVELS = ["No staffed beds", "Normal", "Elevated", "High", "Full"];
    const ESTIMATE = "The number of beds is an estimate: the feed has shown so many.";
    const WIDTH = 120;
    const HEIGHT = 30;

    function levelWord(card) {
        if (!card.known) return "No facts yet";
        if (card.learnt) return "Estimate";
        return card.level === 4 && card.census > card.staffed ? "Over" : LEVELS[card.level];
    }

    /* Census of the last 24 hours, with the staffed beds as a line where they are near. */
    function sparkline(card) {
        const hours = card.hours;
        if (hours.length < 2) return "";
        const top = Math.max(...hours, 1);
        const bottom = Math.min(...hours);
        const showStaffed = card.staffed > 0 && !card.learnt && card.staffed <= top * 1.25;
        const high = Math.max(top, showStaffed ? card.staffed : 0) + 1;
        const low = Math.max(0, Math.min(bottom, high - 6) - 1);
        const x = (index) => ((index / (hours.length - 1)) * (WIDTH - 4) + 1).toFixed(1);
        const y = (census) => (HEIGHT - 3 - ((census - low) / (high - low)) * (HEIGHT - 6)).toFixed(1);
        const line = hours.map((census, index) => `${index ? "L" : "M"}${x(index)} ${y(census)}`).join("");
        const staffed = showStaffed
            ? `<line class="staffed" x1="0" x2="${WIDTH}" y1="${y(card.staffed)}" y2="${y(card.staffed)}"/>`
            : "";
        const said = `Census of the last 24 hours: from ${bottom} to ${top}, now ${card.census}`;
        return `<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${said}">
            <title>${said}</title>${staffed}
            <path class="area" d="${line}L${x(hours.length - 1)} ${HEIGHT}L${x(0)} ${HEIGHT}Z"/>
            <path class="line" d="${line}"/></svg>`;
    }

    function headline(card) {
        return card.percent === null
            ? `<b>${card.census}</b><i>${card.census === 1 ? "patient" : "patients"}</i>`
            : `<b>${card.percent}</b><i>%</i>`;
    }

    function count(number, word, tone) {
        return number ? `<span class="count ${tone}"><b>${number}</b> ${word}</span>` : "";
    }

    function bedsWord(card) {
        if (!card.learnt) return "beds";
        return card.staffed === 1 ? "bed seen" : "beds seen";
    }

    function counts(card) {
        const parts = [
            card.staffed
                ? `<span class="count"><b>${card.census}</b> / ${card.staffed} ${bedsWord(card)}</span>`
                : `<span class="count"><b>${card.census}</b> ${card.census === 1 ? "patient" : "patients"}</span>`,
            card.listed || card.available ? `<span class="count ${card.available ? "free" : "no-free"}"><b>${card.available}</b> free</span>` : "",
            count(card.to_clean, "to clean", card.late_cleaning ? "late" : "clean"),
        ];
        parts.push(count(card.without_bed, "without bed", "late"));
        parts.push(count(card.leaving, "leaving", "leave"));
        parts.push(count(card.reserved, "reserved", ""));
        parts.push(count(card.out_of_use, "out of use", ""));
        return parts.join("");
    }

    function paint(node, card) {
        const { escape } = ww.words;
        const level = card.known ? card.level : 0;
        const shown = card.listed || card.learnt;
        node.className = `unit level-${level}${shown ? "" : " unlisted"}`;
        node.querySelector(".unit-head").innerHTML = `
            <div class="unit-name"><h2>${escape(card.name)}</h2><span>${escape(card.detail)}${shown ? "" : " · not in the hospital file"}</span></div>
            <div class="unit-percent">${headline(card)}</div>
            ${sparkline(card)}
            ${shown ? `<span class="level level-${level}"${card.learnt ? ` title="${ESTIMATE}"` : ""}><i class="ic ic-l${level}"></i>${levelWord(card)}</span>` : ""}`;
        node.querySelector(".unit-counts").innerHTML = card.known ? counts(card) : "";
    }

    function create(card) {
        const node = document.createElement("section");
        node.dataset.key = card.key;
        node.setAttribute("aria-label", card.name);
        node.innerHTML = '<div class="unit-head"></div><div class="unit-counts"></div><div class="beds"></div>';
        paint(node, card);
        return node;
    }

    ww.cards = { create, paint };
})();
