"""The live cluster: the only package that touches Kubernetes, SSH, testinfra, Vagrant or a subprocess."""
