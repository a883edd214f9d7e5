"""The tickets as notebook 07 measured them, for the tests of the decision wizard."""
from helpers.checklists import REASONING, Facts, Gain, Score

TICKETS = Facts(labels=600, formulations=12, shots=80, retrieval=True, trouble=REASONING, changing=False, cleaned=True,
                metric=True, prompt=Score("described", 100, 300), cheaper=Score("3 nearest", 123, 300),
                baseline=Score("regression", 212, 300), gain=Gain(109, 21, 300), over_baseline=Gain(39, 40, 300),
                target=0.90, requests=1_000_000, retraining=True)
