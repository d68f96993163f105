"""Pictures in: sources, the packed store, augmentation, seeded and resumable loading."""
