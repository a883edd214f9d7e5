"""Labs: parts of a notebook to play with. None is needed to follow it; each stands as a table or figure on paper.

    prompt_lab(formulation, task.validation[:20], start="...", against=run)     edit a prompt, see what changes sides
    retrieval_inspector(indexes, from_passages, gold, questions)                passages by three searches, a reply
    training_monitor(client, job)                                               losses, time left, a button that cancels
    mine = labelling(texts, ["loans", "rooms"])                                 your own rows, ten of them twice
    cost_lab(Payback(requests=1e6, ...))                                        when a change has paid for itself
    decision_wizard({"tickets": facts})                                         what each checklist says of your case
"""
from helpers.labs.cost_lab import cost_lab
from helpers.labs.decision_wizard import decision_wizard
from helpers.labs.labelling import labelling
from helpers.labs.payback import Payback
from helpers.labs.prompt_lab import prompt_lab
from helpers.labs.retrieval_inspector import retrieval_inspector
from helpers.labs.training_monitor import training_monitor

__all__ = ["Payback", "cost_lab", "decision_wizard", "labelling", "prompt_lab", "retrieval_inspector",
           "training_monitor"]
