"""Which model, format and deployment answer a need within a budget? Every combination is estimated; none is guessed."""

from calculators.recommend.candidate import Candidate, shares_of
from calculators.recommend.changes import Change, changes_that_fit, smallest_deployment
from calculators.recommend.choice import Recommendation, choose, deployments, recommend
from calculators.recommend.early import early
from calculators.recommend.grid import BATCHES, STAGES, WIDTHS
from calculators.recommend.in_flight import InFlight
from calculators.recommend.limits import reads
from calculators.recommend.obstacle import Obstacle, obstacles
from calculators.recommend.records import ANYTHING, GOALS, Abilities, Budget, Catalog, Need, divides, runs_on, splits
from calculators.recommend.rescue import Rescue, rescue
from calculators.recommend.survey import NEAR, Survey, Surveyor, survey
from calculators.recommend.table import Candidates

__all__ = [
    "ANYTHING", "BATCHES", "GOALS", "NEAR", "STAGES", "WIDTHS", "Abilities", "Budget", "Candidate", "Candidates",
    "Catalog", "Change", "InFlight",
    "Need", "Obstacle", "Recommendation", "Rescue", "Survey", "Surveyor", "changes_that_fit", "choose",
    "deployments", "divides", "early", "obstacles", "reads", "recommend", "rescue", "runs_on", "shares_of",
    "smallest_deployment", "splits", "survey",
]  # fmt: skip
