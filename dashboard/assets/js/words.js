/* Words for people: escaping, times in the ward's zone, durations. */
(function () {
    "use strict";
    const ww = (window.wardwatch = window.wardwatch || {});
    const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
    const formats = new Map();

    const STATUS_WORDS = {
        occupied: "occupied",
        dirty: "dirty",
        cleaning: "in cleaning",
        available: "available",
        reserved: "reserved",
        blocked: "blocked",
        unstaffed: "not staffed",
    };

    function escape(text) {
        return String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]);
    }

    function format(zone, options, key) {
        const name = zone + key;
        if (!formats.has(name)) {
            formats.set(name, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
        }
        return formats.get(name);
    }

    /* Seconds since 1970 as "14:05". */
    function clock(seconds, zone) {
        return format(zone, { hour: "2-digit", minute: "2-digit" }, "clock").format(new Date(seconds * 1000));
    }

    /* Seconds since 1970 as "Mon, 23 Nov 2026, 14:05 UTC". */
    function moment(seconds, zone) {
        const options = {
            weekday: "short",
            day: "numeric",
            month: "short",
            year: "numeric",
            hour: "2-digit",
            minute: "2-digit",
            timeZoneName: "short",
        };
        return format(zone, options, "moment").format(new Date(seconds * 1000));
    }

    function duration(seconds) {
        const minutes = Math.max(0, Math.floor(seconds / 60));
        if (minutes < 60) {
            return `${minutes} min`;
        }
        if (minutes < 48 * 60) {
            return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
        }
        return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
    }

    /* Age of a message: fine at first, coarse later. */
    function age(seconds) {
        return seconds < 10 ? `${seconds.toFixed(1)} s ago` : `${duration(seconds) === "0 min" ? `${Math.floor(seconds)} s` : duration(seconds)} ago`;
    }

    ww.words = { escape, clock, moment, duration, age, STATUS_WORDS };
})();
