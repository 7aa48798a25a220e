"""Proves backups: what playbooks/backup.yml wrote is restored into an etcd that nobody uses."""
