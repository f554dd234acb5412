/* Figures, attention list and next departures, from the same push as the tiles. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const CHART_EVERY_MS = 5000;
    let chartAskedAt = 0;
    let chartTimer = null;
    const SIGNS = { critical: ["oct", "Critical"], warning: ["tri", "Warning"], info: ["info", "For your information"] };
    const FIGURE_ICONS = {
        occupancy: "gauge",
        available: "check",
        without_bed: "person",
        leaving: "out",
        to_clean: "broom",
        conflicts: "tri",
    };

    function set(id, html) {
        const node = document.getElementById(id);
        if (node && node.dataset.painted !== html) {
            node.dataset.painted = html;
            node.innerHTML = html;
        }
    }

    function figure(item) {
        const { escape } = ww.words;
        return `<button type="button" class="figure ${item.tone}" id="figure-${item.id}" data-filter="${item.show}" aria-pressed="false">
            <span class="figure-top"><span>${escape(item.label)}</span><i class="ic ic-${FIGURE_ICONS[item.id]}"></i></span>
            <span class="figure-row"><b>${escape(item.value)}</b><span>${escape(item.unit)}</span></span>
            <span class="figure-note">${escape(item.note)}${item.scope ? ` · <span class="figure-scope">${escape(item.scope)}</span>` : ""}</span></button>`;
    }

    function attention(item) {
        const { escape } = ww.words;
        const [icon, word] = SIGNS[item.severity];
        const unit = item.unit_id ? `<span class="tag">${escape(item.unit_id)}</span>` : "";
        return `<li><button type="button" class="alert ${item.severity}" data-goto="${escape(item.key)}"
            data-goto-bed="${escape(item.bed_id || "")}"><i class="ic ic-${icon}"></i><span class="alert-body">
            <span class="alert-head"><span class="alert-word">${word}</span>${unit}</span>
            <span class="alert-title">${escape(item.title)}</span>
            <span class="alert-note">${escape(item.note)}</span>
            ${item.act ? `<span class="alert-act">${escape(item.act)}</span>` : ""}</span></button></li>`;
    }

    function departures(items, now, zoneOf) {
        const { escape, when, roughly } = ww.words;
        const rows = items.map((item) => {
            const expected = item.overdue ? `overdue ${roughly(now - item.due)}` : when(item.due, now, zoneOf(item.key));
            return `<tr><td><button type="button" class="link" data-goto="${escape(item.key)}"
                data-goto-bed="${escape(item.bed_id)}">${escape(item.bed_id)}</button></td>
                <td>${escape(item.unit)}</td><td class="${item.overdue ? "overdue" : ""} num">${expected}</td></tr>`;
        });
        return `<table class="table"><thead><tr><th>Bed</th><th>Unit</th><th>Expected</th></tr></thead>
            <tbody>${rows.join("")}</tbody></table>`;
    }

    function moreToLeave(summary) {
        const first = summary.departures.length;
        return `first ${first} of ${first + summary.departures_more} · <button type="button" class="link" data-filter="leaving">${summary.departures_more} more</button>`;
    }

    function attentionCount(items) {
        const critical = items.filter((item) => item.severity === "critical").length;
        return items.length ? `${items.length} open${critical ? ` · ${critical} critical` : ""}` : "";
    }

    function paint(state) {
        const { summary, eventTime } = state;
        if (!summary) return;
        const place = document.getElementById("place");
        if (place && place.textContent !== summary.place) place.textContent = summary.place;
        if (!document.getElementById("board")) return;
        const zoneOf = (key) => (state.units.has(key) ? state.units.get(key).card.zone : "UTC");
        set("figures", summary.figures.map(figure).join(""));
        const nothing = eventTime === null ? "No facts yet." : '<i class="ic ic-check"></i>Nothing needs attention.';
        const calm = `<li class="calm">${nothing}</li>`;
        set("attention", summary.attention.map(attention).join("") || calm);
        set("attention-count", attentionCount(summary.attention));
        set("departures-note", summary.departures_more ? moreToLeave(summary) : "");
        const none = '<div class="calm">No patient is expected to leave within 12 h.</div>';
        set("departures", summary.departures.length ? departures(summary.departures, eventTime, zoneOf) : none);
        set("chart-note", summary.beds ? `of ${summary.beds}` : "headcount");
        paintChart(state);
    }

    /* Requests the chart again when the hour or its numbers have changed, at most once in CHART_EVERY_MS: in a replay
       the hours pass quickly, and the chart is the most expensive part of the page. */
    function paintChart(state) {
        const card = document.getElementById("chart-card");
        card.hidden = !state.summary.hours.length;
        const asked = `${Math.floor((state.eventTime || 0) / 3600)}:${state.summary.hours.join(",")}`;
        if (card.hidden || card.dataset.asked === asked) return;
        const pause = card.dataset.asked ? chartAskedAt + CHART_EVERY_MS - performance.now() : 0;
        if (pause > 0) {
            chartTimer = chartTimer || setTimeout(() => later(state), pause);
            return;
        }
        card.dataset.asked = asked;
        chartAskedAt = performance.now();
        dash_clientside.set_props("chart-hour", { data: asked });
    }

    function later(state) {
        chartTimer = null;
        if (document.getElementById("chart-card")) paintChart(state);
    }

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-goto]");
        if (!button) return;
        const node = ww.board.focusBed(button.dataset.goto, button.dataset.gotoBed);
        if (node && button.dataset.gotoBed) ww.drawer.open(node);
    });

    ww.summary = { paint };
})();
