"""Pictures of recordings, augmentations and results."""
