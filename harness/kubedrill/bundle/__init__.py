"""Makes release bundles and images: what nodes get. Imports kubedrill.base only."""
