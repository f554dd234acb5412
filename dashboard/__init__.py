"""The dashboard: beds and worklist in the browser, pushed as they change."""
