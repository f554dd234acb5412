"""What is known of patients: features and labels, the models that score them, and where models are kept."""
