"""What is known from before: runbooks and past incidents, found by the words they share with this one."""
