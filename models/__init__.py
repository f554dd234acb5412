"""Features and labels of patients, the models of readmission, and their registry."""
