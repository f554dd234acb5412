/* The data-quality page: the cell of the kind, and the filter by kind, which is kept in the URL. */
(function () {
    "use strict";
    const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

    cells.Kind = (props) =>
        React.createElement(
            "span",
            { className: `finding-kind ${props.data.grave ? "grave" : ""}` },
            React.createElement("i", { className: `ic ic-${props.data.grave ? "oct" : "info"}`, "aria-hidden": "true" }),
            props.value,
        );

    document.addEventListener("click", (event) => {
        const button = event.target.closest("#quality-filters [data-kind]");
        if (!button) return;
        const kind = button.dataset.kind;
        const url = new URL(location.href);
        if (kind) url.searchParams.set("kind", kind);
        else url.searchParams.delete("kind");
        history.replaceState(history.state, "", url);
        dash_clientside.set_props("quality-kind", { data: kind || null });
    });
})();
