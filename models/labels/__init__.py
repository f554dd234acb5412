"""Labels: index stays, episodes, and readmissions within 30 days."""
