"""The runner is killed at any instant of any drill, and nothing of its fault may stay on any host."""
