"""The commands: parse, show, print; one a file."""
