"""What drills are made of: the drill and its context, predictions, undos, watchers, leftovers."""
