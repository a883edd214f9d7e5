# The same commands as course.py, for those who like make. On Windows use course.py itself.
PYTHON ?= python3

.PHONY: setup lab test record
setup lab test record:
	$(PYTHON) course.py $@
