"""The readmission models: training, the batch and the online model, scoring, evaluation."""
