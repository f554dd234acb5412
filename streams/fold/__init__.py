"""Pure folds: the state of an encounter, a patient, a bed and the event time from sets of facts.

The worker, the rebuild, the as-of query and the tests all call these functions.
"""

from streams.fold.bed import latest_report
from streams.fold.encounter import fold
from streams.fold.event_time import PartitionMark, overall
from streams.fold.merged_encounters import fold_merged
from streams.fold.merges import resolve_merges
from streams.fold.patient import fold_patient

__all__ = ["PartitionMark", "fold", "fold_merged", "fold_patient", "latest_report", "overall", "resolve_merges"]
