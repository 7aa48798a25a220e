"""Makes what nodes are made of: release bundles, the node image, the Vagrant box. Imports nothing of harness."""
