"""Ansible callback plugins that the harness gives to the playbooks it runs."""
