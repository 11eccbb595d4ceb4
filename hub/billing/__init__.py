"""Recurring and one-off charges, periods and what is owed for them."""
