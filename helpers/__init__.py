"""The course's shared package: one module for each word of the lesson.

    client, model = helpers.connect()
    task = helpers.load_task("tickets")
    run = helpers.evaluate(ask, task.test)
    helpers.compare(baseline, run)
"""
from helpers.evaluation import Comparison, Run, compare, evaluate, table
from helpers.provider import answering, connect, embed
from helpers.tasks import Example, Score, Task, load_task

__all__ = ["Comparison", "Example", "Run", "Score", "Task", "answering", "compare", "connect", "embed", "evaluate",
           "load_task", "table"]
