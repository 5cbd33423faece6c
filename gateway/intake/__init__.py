"""What people and systems tell the registry in bulk and by hand: read, checked, entered, given back."""
