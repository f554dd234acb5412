"""SQL queries of the pages. They only read."""
