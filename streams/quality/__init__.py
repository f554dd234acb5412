"""Data quality: findings that need a person's attention."""
