"""The truth about the bank's applicants, for judging models and never for one.

Belongs here: the probability of default with which the bank was drawn, and what exact knowledge of all that leaves
traces would tell of it. Does not belong here: models, figures. No feed has anything of it, so no feature can.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from resources.sandbox.world.bureau_reports import make_reports
from resources.sandbox.world.lending import granted_by_old_policy, make_requests
from resources.sandbox.world.people import make_people
from resources.sandbox.world.repayments import true_probability
from resources.sandbox.world.settings import BankSettings


@dataclass(frozen=True, eq=False)
class ApplicantTruth:
    """What the bank's generator knows of each application.

    Attributes:
        ids: The applications.
        probability: float64 [n], of falling 90 days past due within 180 days, with all that no table shows. No score
            ranks better in expectation.
        by_habits: float64 [n], log-odds (up to a constant) of everything about person and loan that leaves traces in
            the bank's tables, known exactly: all but `Requests.unseen`.
    """

    ids: pa.StringArray
    probability: np.ndarray
    by_habits: np.ndarray


def applicant_truth(settings: BankSettings) -> ApplicantTruth:
    """The truth about every application of a bank."""
    people = make_people(settings)
    requests = make_requests(settings, people)
    reports = make_reports(settings, people, requests.customer, requests.at)
    granted = granted_by_old_policy(settings, people, requests, reports.score_at_request)
    return ApplicantTruth(requests.ids, true_probability(settings, requests, granted), requests.risk - requests.unseen)
