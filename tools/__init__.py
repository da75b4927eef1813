"""Small programs that keep the house: `python -m tools.NAME`."""
