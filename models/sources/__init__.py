"""Sources of labelled stays other than the encounters in SQL: tables in files, one row a stay."""
