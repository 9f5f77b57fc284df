"""Disaster-recovery drills for services that answer with large language models."""

__version__ = "0.1.0.dev0"
