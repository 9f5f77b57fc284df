"""Does this host's model server hold the right weights and give the right answers?

Engines report healthy with flipped bits in their weights, so two things are compared: the files' SHA-256 with the
manifest, and the answers to golden prompts with those recorded at deploy. Neither alone is enough.

An engine that cannot be reached, hangs, or says that it is busy is not judged here: the load balancer asks for tokens
itself, and a verdict that fell with every restart would only keep a good replica out of the pool for longer.
"""
