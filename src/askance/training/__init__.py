"""From labelled examples to a trained network, whatever the task."""
