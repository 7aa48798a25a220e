"""Makes release bundles and images: what nodes get. Imports nothing of the rest."""
