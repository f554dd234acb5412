"""What the dashboard reads from SQL, and the one thing that it writes: acknowledgements."""
