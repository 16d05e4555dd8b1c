"""A payments company that never was, in as much detail as a lakehouse can hold.
docs/adr/0005-simulated-business.md.
"""

from lakehouse.testing.simulator.plan import Plan, Report
from lakehouse.testing.simulator.runner import run, run_continuously

__all__ = ["Plan", "Report", "run", "run_continuously"]
