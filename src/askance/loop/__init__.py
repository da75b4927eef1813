"""The next round from the last: the contract with a task, one pure step, a project's rounds, simulation."""
