"""What makes the committed notebooks: record their replies, run them clean, hold their prose to their outputs."""
