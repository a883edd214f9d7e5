"""Exercises that answer at once, and a quiz to each notebook; what is done is kept on this machine and nowhere else.

    check("01.1", my_prompt)    says whether it is right, and why not
    hint("01.1")                the first hint; again, the next
    solution("01.1")            one way to do it, as the tests run it
    quiz("01")                  a few questions; every option is explained
    progress()                  a table of what is done
"""
from helpers.exercises.desk import check, hint, solution
from helpers.exercises.diary import progress
from helpers.exercises.quiz import quiz

__all__ = ["check", "hint", "progress", "quiz", "solution"]
