"""What stands between a network and a robot: where its weights lie, and how it is stepped."""
