"""What a patient's earlier rows say, in a table whose ids are not the order of time.

In UCI's table `encounter_id` is not the order of time: 365 rows of patients who have a row with a larger id say that
the patient never came back. So a row counts as earlier only if its id **and** its `number_inpatient` (admissions in the
12 months before) are smaller. No label is read here, so that no label of another row can become a feature.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.sources.stay_table import Flags, Floats

HISTORY = ("earlier_stays", "earlier_days", "earlier_same_section", "last_stay_days")


def earlier_stays(
    patients: pd.Series, ids: Floats, prior_admissions: Floats, days: Floats, sections: pd.Series
) -> pd.DataFrame:
    """Return what the earlier rows of each row's patient say.

    Parameters
    ----------
    patients : Series of str, shape (n,)
        Patient of each row.
    ids : ndarray, shape (n,)
        Number of the encounter.
    prior_admissions : ndarray, shape (n,)
        Admissions in the 12 months before; a row where it is missing neither has nor is an earlier row.
    days : ndarray, shape (n,)
        Length of stay; NaN counts as 0.
    sections : Series of str, shape (n,)
        Section of the principal diagnosis.

    Returns
    -------
    DataFrame, shape (n, 4)
        Number of earlier rows, days in them, how many have the same section, and the days of the one with the largest
        id (NaN if there is none).
    """
    found = np.zeros((len(ids), len(HISTORY)))
    found[:, 3] = np.nan
    length = np.nan_to_num(days, nan=0.0)
    kinds = sections.to_numpy(dtype=object)
    for rows in _by_patient(patients, ids):
        for row in rows[1:]:
            # Ids are unique, so `rows` is in strict order of them.
            before = rows[(ids[rows] < ids[row]) & (prior_admissions[rows] < prior_admissions[row])]
            if len(before):
                same = (kinds[before] == kinds[row]).sum()
                found[row] = len(before), length[before].sum(), same, length[before[-1]]
    return pd.DataFrame(found, columns=list(HISTORY))


def is_order_trusted(patients: pd.Series, ids: Floats, prior_admissions: Floats) -> Flags:
    """Return for which rows ids and numbers of admissions order the patient's rows alike.

    A row is trusted if each other row of its patient with a smaller id has fewer admissions before it, and each with a
    larger id has more. It selects rows for a report; it is not a feature.
    """
    trusted = np.ones(len(ids), dtype=bool)
    for rows in _by_patient(patients, ids):
        counts = prior_admissions[rows]
        for place, row in enumerate(rows):
            trusted[row] = bool((counts[:place] < counts[place]).all() and (counts[place + 1 :] > counts[place]).all())
    return trusted


def _by_patient(patients: pd.Series, ids: Floats) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Return the rows of each patient who has several, in order of their ids."""
    codes, _ = pd.factorize(patients)
    order = np.lexsort((ids, codes))
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []
    return [rows for rows in groups if len(rows) > 1]
