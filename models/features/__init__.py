"""Features of patients: the catalogue, their values at one moment, and the columns that models get."""
