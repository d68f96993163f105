"""Vision transformers as plain modules: strangers to masking, the mask is an input."""
