"""The rules in force: which there are and how often each decided, why a call was decided as it was, and what a
change of a file would do before it is made."""

from gateway.oversight.policies.files import Past, PolicyFile, PolicyFiles, TableSummary
from gateway.oversight.policies.policies import About, Policies, World
from gateway.oversight.policies.why import Question

__all__ = ["About", "Past", "Policies", "PolicyFile", "PolicyFiles", "Question", "TableSummary", "World"]
