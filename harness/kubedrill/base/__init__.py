"""What every other package may use: errors, the frozen data of a run, and the one polling loop."""
