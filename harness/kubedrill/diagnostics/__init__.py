"""What is needed to find out why a drill failed, in one archive without secrets."""
