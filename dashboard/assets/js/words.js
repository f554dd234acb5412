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

    const DAY_WORDS = { "-1": "yesterday", 0: "today", 1: "tomorrow" };
    const DAY_S = 86400;
    const YEAR_FROM_S = 300 * DAY_S;

    function parts(seconds, zone) {
        const options = {
            weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
        };
        const found = format(zone, options, "parts").formatToParts(new Date(seconds * 1000));
        return Object.fromEntries(found.map((part) => [part.type, part.value]));
    }

    function dayNumber(seconds, zone) {
        const options = { year: "numeric", month: "numeric", day: "numeric" };
        const found = format(zone, options, "day").formatToParts(new Date(seconds * 1000));
        const { year, month, day } = Object.fromEntries(found.map((part) => [part.type, Number(part.value)]));
        return Date.UTC(year, month - 1, day) / (DAY_S * 1000);
    }

    /* Seconds since 1970 as seen from `now`: "tomorrow 10:26", or "Sat 14 Mar 10:26". As schemas/local_time.when. */
    function when(seconds, now, zone) {
        const at = parts(seconds, zone);
        const year = Math.abs(seconds - now) >= YEAR_FROM_S ? ` ${at.year}` : "";
        const day = DAY_WORDS[dayNumber(seconds, zone) - dayNumber(now, zone)] || `${at.weekday} ${at.day} ${at.month}${year}`;
        return `${day} ${at.hour}:${at.minute}`;
    }

    /* A duration in its largest unit, as schemas/local_time.roughly. */
    function roughly(seconds) {
        const minutes = Math.max(0, Math.floor(seconds / 60));
        if (minutes < 60) return `${minutes} min`;
        return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
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

    ww.words = { escape, when, roughly, moment, duration, age, STATUS_WORDS };
})();
