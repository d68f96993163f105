"""Fine-tuning: labeled data, the fit, folds and the report."""
