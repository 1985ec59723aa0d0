"""The rules in force: which there are and how often each decided, why a call was decided as it was, and what a
change of a file would do before it is made."""

from gateway.oversight.policies.files import Past, PolicyFile, PolicyFiles, RunOnRecord, TableSummary
from gateway.oversight.policies.filling import Filled
from gateway.oversight.policies.listing import RuleShown, RulesShown
from gateway.oversight.policies.policies import About, Policies, Saved, World
from gateway.oversight.policies.trying import Trial, flaw_in_text
from gateway.oversight.policies.why import Question, Why

__all__ = [
    "About",
    "Filled",
    "Past",
    "Policies",
    "PolicyFile",
    "PolicyFiles",
    "Question",
    "RuleShown",
    "RulesShown",
    "RunOnRecord",
    "Saved",
    "TableSummary",
    "Trial",
    "Why",
    "World",
    "flaw_in_text",
]
