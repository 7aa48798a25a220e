"""The live cluster: the only package that uses Kubernetes, SSH, testinfra or Vagrant."""
