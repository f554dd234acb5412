"""Data quality: what a person must look at."""
