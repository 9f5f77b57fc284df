"""What holds for every unit test."""

from hypothesis import settings

# A busy machine is no failure: limits on time live in benches.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
