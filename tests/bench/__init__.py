"""How fast it is: each benchmark beside a bare peer measured in the same run, as ratios (`make bench`)."""
