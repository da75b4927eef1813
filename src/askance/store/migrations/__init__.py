"""Every step the schema has taken, shipped with the package and walked by `Store.open`."""
