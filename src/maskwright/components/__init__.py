"""Parts of a picture that are no patches: principal components and frequencies."""
