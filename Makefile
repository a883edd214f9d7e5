# The same commands as course.py, for those who like make. On Windows use course.py itself.
PYTHON ?= python3

.PHONY: setup lab test record instruct
setup lab test record instruct:
	$(PYTHON) course.py $@
