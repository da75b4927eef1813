"""The loop with an oracle in place of people: problems, experiments, runs."""
