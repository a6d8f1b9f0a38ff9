"""PIN entry on the reader's own keypad (PC/SC part 10): the host sends a template and never sees the PIN."""
