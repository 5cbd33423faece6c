"""What takes the place of a value that may not be seen. Pure."""
