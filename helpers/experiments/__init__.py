"""The long experiments of the course: trained once, for real, and kept run by run in data/results/.

    python -m helpers.experiments                    what `make record-training` runs: does what is missing
    results("learning_curve")                        a table, a row each run
    run_of("learning_curve", "test", n=100, seed=0)  the answers of one of them, to compare with other runs

A run is trained and merged as the fine-tuning service does it, and served by the same engine.
Does not: decide what a notebook says about it.
"""
from helpers.experiments.points import Asked, Exam, Point, exam_of, results, run_of

__all__ = ["Asked", "Exam", "Point", "exam_of", "results", "run_of"]
