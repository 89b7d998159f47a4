"""Runs scripts of instruction lines as a client of the API."""

from graph.commands.script.instructions import LineRefused
from graph.commands.script.run import print_reports, run_script

__all__ = ["LineRefused", "print_reports", "run_script"]
