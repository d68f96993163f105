"""The store: decoded pictures, written once and mapped into memory."""
