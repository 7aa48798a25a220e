"""Speed as ratios of two ways to do the same work, measured side by side in one run."""
