"""Whether a config is signed in, and what a run does about it. Entered by its modules."""
