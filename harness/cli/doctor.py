"""kubedrill doctor."""
