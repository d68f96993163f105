"""Loading: from settings to pictures, batches and labeled splits."""
