# The same commands as course.py, for those who like make. On Windows use course.py itself.
PYTHON ?= python3

.PHONY: setup lab doctor test site record record-training instruct
setup lab doctor test site record record-training instruct:
	$(PYTHON) course.py $@
