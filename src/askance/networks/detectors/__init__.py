"""Detectors of other libraries, by name, with a posterior in their heads; and black boxes."""
